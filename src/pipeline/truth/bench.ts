import type { Measurement } from '../../measure/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { type CandidateChoice, RoundedCandidates } from './candidates.ts';
import { makeTruth, type TruthOptions } from './evaluate.ts';
import type { Truth } from './truth.ts';

/** A measured model with candidates rounded, the coarse ones unless others are asked for: where truth is made and metrics are judged. */
export class TruthBench {
  readonly session: Session;
  readonly measurement: Measurement;
  readonly candidates: RoundedCandidates;
  readonly workspace: Workspace;

  private constructor(session: Session, measurement: Measurement, candidates: RoundedCandidates, workspace: Workspace) {
    this.session = session;
    this.measurement = measurement;
    this.candidates = candidates;
    this.workspace = workspace;
  }

  /** Rounds the candidates, or finds that it was done. */
  static async open(session: Session, measurement: Measurement, choice: CandidateChoice): Promise<TruthBench> {
    const { model, runner, options } = session;
    const workspace = await session.workspace(measurement, { purpose: 'truth' });
    try {
      const store = workspace.blocks();
      const made = await RoundedCandidates.round(model, measurement, runner, choice, store, options);
      return new TruthBench(session, measurement, made, workspace);
    } catch (error) {
      await workspace.close();
      throw error;
    }
  }

  /** Prices of the candidates by the product's own way: a sample of rows, Kronecker form. */
  async prices(): Promise<SensitivityTable> {
    const palette = [...new Set(this.candidates.tensors.flatMap((tensor) => this.candidates.formats(tensor)))];
    return await this.session.price(this.measurement, this.workspace, this.candidates.rounding, palette);
  }

  /** Evaluates plans, or finds that it was done. */
  async truth(options: Omit<TruthOptions, 'calibration' | 'memory'>): Promise<Truth> {
    const { kernels, model } = this.session;
    return await makeTruth(kernels, model, this.candidates, await this.prices(), {
      ...options,
      calibration: this.measurement.key.text,
      memory: this.workspace.memory(),
    });
  }

  async close(): Promise<void> {
    await this.workspace.close();
  }
}
