import type { Memory } from '../../core/memory.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import { type Corrections, learnCorrections, type Probe, TYPICAL_CORRECTION } from '../plan/corrections.ts';

/** Probes that are kept: those of about eight budgets. */
const KEPT = 64;

/**
 * True evaluations of one model on one text that were made for any budget, kept beside its prices: they correct predictions
 * of every other. A file never depends on them, only what is told before there is one.
 */
export class ProbeLog {
  readonly #memory: Memory<readonly Probe[]>;
  readonly #key: string;

  /** @param text name of the text that probes see */
  constructor(memory: Memory<readonly Probe[]>, { rounding }: Pick<SensitivityTable, 'rounding'>, text: string) {
    this.#memory = memory;
    this.#key = JSON.stringify(['probes', rounding, text]);
  }

  async add(probes: readonly Probe[]): Promise<void> {
    const known = (await this.#memory.get(this.#key)) ?? [];
    const all = new Map([...known, ...probes].map((probe) => [JSON.stringify(probe.matrices), probe]));
    await this.#memory.put(this.#key, [...all.values()].slice(-KEPT));
  }

  /** What they teach together; what is typical while there are none. */
  async corrections(): Promise<Corrections> {
    const probes = await this.#memory.get(this.#key);
    return probes === undefined ? TYPICAL_CORRECTION : learnCorrections(probes);
  }
}
