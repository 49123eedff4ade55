import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Option } from '../../src/allocate/types.ts';
import { evaluateModels, referenceStates } from '../../src/evaluate/evaluate.ts';
import type { TokenBatch } from '../../src/measure/plan.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model } from '../../src/model/types.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { Session } from '../../src/pipeline/session.ts';
import { calibrationTokens, evaluationTokens, sequenceLength } from '../../src/pipeline/texts.ts';
import type { Workspace } from '../../src/pipeline/workspace.ts';
import { machine } from './machine.ts';

const SEED = 1;

/** What benches of roundings while the model runs have in common: text to price on and text to judge on. */
export interface RunBench {
  readonly model: Model;
  readonly session: Session;
  readonly workspace: Workspace;
  readonly sequences: TokenBatch;
  readonly quick: boolean;
  /** Prints what chosen options were predicted to cost and what the changed model does cost. */
  report(name: string, chosen: readonly Option[], changed: Pick<Model, 'roundings'>): Promise<void>;
  close(): Promise<void>;
}

/** Opens the model of the command line, the embedded one by default. @param name of the default work folder */
export async function openRunBench(name: string): Promise<RunBench> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      calibration: { type: 'string' },
      evaluation: { type: 'string' },
      work: { type: 'string', default: join('out', name) },
      quick: { type: 'boolean', default: false },
    },
  });
  const text = (file: string | undefined) => (file === undefined ? undefined : [file]);
  const evaluated = values.quick ? 1024 : 4096;
  const model = await openModel(positionals[0] ?? fileURLToPath(new URL('../../assets/tiny', import.meta.url)));
  const session = await Session.open(nodeHost, model, { folder: values.work, seed: SEED });
  const sequences = await calibrationTokens(nodeHost, model, { files: text(values.calibration), tokens: 4096 }, SEED);
  const workspace = await session.workspace(undefined);
  const tokens = await evaluationTokens(nodeHost, model, { files: text(values.evaluation), tokens: evaluated });
  const length = sequenceLength(model);
  const states = await referenceStates(session.kernels, model, tokens, { length });
  console.log(`${machine()}, seed ${SEED}; ${sequences.ids.length} calibration and ${evaluated} evaluation tokens`);
  return {
    model,
    session,
    workspace,
    sequences,
    quick: values.quick,
    async report(label, chosen, changed) {
      const loss = chosen.reduce((sum, option) => sum + option.loss, 0);
      const error = Math.hypot(...chosen.map((option) => option.lossError ?? 0));
      const run = { length, referenceStates: states };
      const { kl } = await evaluateModels(session.kernels, model, { ...model, ...changed }, tokens, run);
      console.log(
        `${label}\tpredicted ${loss.toFixed(6)} ± ${error.toFixed(6)}\tmeasured ${kl.mean.toFixed(6)} ± ${kl.standardError.toFixed(6)}`,
      );
    },
    async close() {
      workspace.close();
      await session.close();
    },
  };
}
