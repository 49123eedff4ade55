import type { TokenBatch } from '../../src/measure/plan.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model, ModelTensor } from '../../src/model/types.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { Session } from '../../src/pipeline/session.ts';
import { calibrationTokens } from '../../src/pipeline/texts.ts';
import { TruthBench } from '../../src/pipeline/truth/bench.ts';
import { candidates, matrixFacts } from '../../src/quantize/candidates.ts';
import type { RoundingName } from '../../src/quantize/types.ts';
import { assetPath } from '../../src/text/assets.node.ts';

export interface TruthBenchOptions {
  readonly work: string;
  readonly calibration?: string;
  readonly 'calibration-tokens': string;
  readonly threads?: string;
  readonly rounding?: RoundingName;
  /** Formats that candidates are of; default the coarse ones. */
  readonly palette?: readonly string[];
}

/** A model with its calibration text, measured, and its coarse candidates rounded. */
export interface OpenedTruthBench {
  readonly model: Model;
  readonly session: Session;
  readonly text: TokenBatch;
  readonly bench: TruthBench;
}

/** @param path default the embedded model */
export async function openTruthBench(
  path: string | undefined,
  options: TruthBenchOptions,
  seed: number,
): Promise<OpenedTruthBench> {
  const model = await openModel(path ?? assetPath('tiny'));
  const threads = options.threads === undefined ? undefined : Number(options.threads);
  const session = await Session.open(nodeHost, model, { folder: options.work, seed, threads });
  const choice = { files: textFiles(options.calibration), tokens: Number(options['calibration-tokens']) };
  const text = await calibrationTokens(nodeHost, model, choice, seed);
  const { rounding = 'gptq', palette } = options;
  const formats = (tensor: ModelTensor): string[] =>
    candidates(matrixFacts(tensor, session.magnitudes), palette).map(({ name }) => name);
  const made = { rounding, formats: palette && formats };
  const bench = await TruthBench.open(session, await session.measure(text), made);
  return { model, session, text, bench };
}

/** One file, or the package's own text. */
export function textFiles(name: string | undefined): string[] | undefined {
  return name === undefined ? undefined : [name];
}
