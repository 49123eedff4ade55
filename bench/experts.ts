/**
 * A mixture of experts in few bits. Plans with a format for every expert against plans with one for every tensor, which
 * GGUF asks for, at equal bytes: both rounded, evaluated on held-out text, and compared window by window. With the judge's
 * folder also our files against llama-quantize's with an importance matrix, by bench/quality.ts.
 *
 *     npm run bench -- experts
 *     node bench/experts.ts [MODEL] [--bits=2.5,3] [--tokens=4096] [--evaluation=8192] [--folder=DIR]
 *     node bench/experts.ts [MODEL] --judge DIR --tools DIR --calibration FILE --evaluation-text FILE --work DIR
 *
 * `--quick`: one size, fewer tokens.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { referenceStates, scoreModels } from '../src/evaluate/evaluate.ts';
import { estimate } from '../src/measure/calibrate.ts';
import { openModel } from '../src/model/open.node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { planByExpert } from '../src/pipeline/plan/by-expert.ts';
import { Planner } from '../src/pipeline/plan/planner.ts';
import { weightCount } from '../src/pipeline/plan/wishes.ts';
import { Session } from '../src/pipeline/session.ts';
import { calibrationTokens, evaluationTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { quantizedModel } from '../src/quantize/quantized.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: 'string' },
    tokens: { type: 'string' },
    evaluation: { type: 'string' },
    folder: { type: 'string' },
    judge: { type: 'string' },
    tools: { type: 'string' },
    calibration: { type: 'string' },
    'evaluation-text': { type: 'string' },
    work: { type: 'string' },
    types: { type: 'string', default: 'IQ2_XXS,IQ2_M,Q2_K' },
    quick: { type: 'boolean', default: false },
  },
});
const [path = fileURLToPath(new URL('../../shared/models/tiny-moe', import.meta.url))] = positionals;
const SEED = 0;

/** Standard errors on each side of a 95 % normal interval. */
const SPREAD = 1.96;

async function compareByExpert(): Promise<void> {
  const number = (text: string | undefined, otherwise: number): number =>
    Number(text ?? (options.quick ? otherwise / 4 : otherwise));
  const bits = (options.bits ?? (options.quick ? '2.5' : '2.5,3')).split(',').map(Number);
  const model = await openModel(path);
  const session = await Session.open(nodeHost, model, { folder: options.folder, seed: SEED });
  const { kernels } = session;
  const calibration = await calibrationTokens(nodeHost, model, { tokens: number(options.tokens, 4096) }, SEED);
  const heldOut = await evaluationTokens(nodeHost, model, { tokens: number(options.evaluation, 8192) });
  const measurement = await session.measure(calibration);
  const workspace = await session.workspace(measurement, { job: 'bench of experts' });
  const table = await session.price(measurement, workspace, 'gptq');
  const length = sequenceLength(model);
  const reference = await referenceStates(kernels, model, heldOut, { length });
  const scored = Math.floor(length / 2);

  /** Mean KL of every window. */
  const windows = async (plan: Parameters<typeof quantizedModel>[1]): Promise<Float64Array> => {
    await session.encode(session.model, plan, measurement, workspace);
    const candidate = quantizedModel(session.model, plan, workspace.blocks());
    const { kl } = await scoreModels(kernels, model, candidate, heldOut, { length, referenceStates: reference });
    return Float64Array.from({ length: Math.floor(kl.length / scored) }, (_, w) => {
      return kl.subarray(w * scored, (w + 1) * scored).reduce((sum, value) => sum + value, 0) / scored;
    });
  };

  console.log(`${machine()}; ${path}, ${calibration.ids.length} tokens measured, ${heldOut.length} held out`);
  const rows: Record<string, string | number>[] = [];
  for (const each of bits) {
    const budget = Math.floor((each * weightCount(model)) / 8);
    const byTensor = await new Planner({ model: session.model, table }).plan({ bytes: budget });
    // No more bytes than the plan by tensor really takes.
    const byExpert = await planByExpert({ model: session.model, table }, byTensor.prediction!.fileBytes);
    const [one, other] = [await windows(byTensor), await windows(byExpert)];
    const difference = estimate(one.map((value, w) => value - other[w]));
    const [a, b] = [estimate(one), estimate(other)];
    const half = SPREAD * difference.standardError;
    rows.push({
      bits: each,
      'bytes by tensor': byTensor.prediction!.fileBytes,
      'by expert': byExpert.prediction!.fileBytes,
      'KL by tensor': `${a.mean.toFixed(5)} ± ${a.standardError.toFixed(5)}`,
      'KL by expert': `${b.mean.toFixed(5)} ± ${b.standardError.toFixed(5)}`,
      ratio: (b.mean / a.mean).toFixed(3),
      predicted: (byExpert.prediction!.kl / byTensor.prediction!.kl).toFixed(3),
      'tensor − expert, 95 %': `${(difference.mean - half).toFixed(5)} to ${(difference.mean + half).toFixed(5)}`,
    });
  }
  console.table(rows);
  await workspace.close();
  await session.close();
}

/** Files at the exact bytes of llama-quantize's, all judged by llama.cpp. */
function judged(): void {
  const bench = fileURLToPath(new URL('quality.ts', import.meta.url));
  const { judge, tools, calibration, work, types } = options;
  const given = { judge, tools, calibration, evaluation: options['evaluation-text'], work, types, model: path };
  const flags = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
  const rest = ['--context', '256', '--chunks', options.quick ? '16' : '60', '--roundings', 'gptq'];
  execFileSync(process.execPath, [bench, ...flags, ...rest], { stdio: 'inherit' });
}

if (options.judge === undefined) await compareByExpert();
else judged();
