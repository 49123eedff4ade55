/**
 * Does searching by true evaluations pay? At three sizes of the embedded model (or the one named): the additive optimum,
 * the optimum of prices corrected by kind of matrix, and what each search finds within its evaluations, all of equal
 * bytes. The search sees windows spread over the first half of the evaluation text; true KL is judged on windows spread over
 * the second half, which are other books, as differences in pairs, window by window.
 *
 *     npm run bench -- search [--quick]
 *     node bench/search.ts [MODEL] [--bits=2.5,3,4] [--solvers=tree,genetic] [--evaluations=50] [--calibration=FILE]
 *                          [--evaluation=FILE] [--searched=8192] [--judged=32768] [--work=DIR] [--quick]
 *
 * `--quick`: one size, 12 evaluations and fewer tokens. Work in `--work` is kept, so the bench goes on where it stopped.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BitPlan } from '../src/allocate/types.ts';
import { estimate } from '../src/evaluate/summary.ts';
import { openModel } from '../src/model/open.node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { fileNotes } from '../src/pipeline/plan/notes.ts';
import { Planner } from '../src/pipeline/plan/planner.ts';
import { budgetsOf } from '../src/pipeline/plan/wishes.ts';
import { Session } from '../src/pipeline/session.ts';
import { calibrationTokens, evaluationTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { type Judgement, PlanJudge } from '../src/pipeline/verify/judge.ts';
import { probeResult } from '../src/pipeline/verify/learn.ts';
import { searchPlan } from '../src/pipeline/verify/search.ts';
import { verify } from '../src/pipeline/verify/verify.ts';
import { assetPath } from '../src/text/assets.node.ts';
import { packSequences } from '../src/text/packing.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: 'string' },
    solvers: { type: 'string', default: 'tree,genetic' },
    evaluations: { type: 'string' },
    calibration: { type: 'string' },
    evaluation: { type: 'string' },
    searched: { type: 'string' },
    judged: { type: 'string' },
    work: { type: 'string', default: join('out', 'bench-search') },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 0;
const CALIBRATION_TOKENS = 16384;
const sizes = (options.bits ?? (options.quick ? '3' : '2.5,3,4')).split(',').map(Number);
const evaluations = Number(options.evaluations ?? (options.quick ? 12 : 50));
const searched = Number(options.searched ?? (options.quick ? 2048 : 8192));
const judged = Number(options.judged ?? (options.quick ? 4096 : 32768));
const files = (name: string | undefined) => (name === undefined ? undefined : [name]);

const model = await openModel(positionals[0] ?? assetPath('tiny'));
const session = await Session.open(nodeHost, model, { folder: options.work, seed: SEED });
const text = await calibrationTokens(
  nodeHost,
  model,
  { files: files(options.calibration), tokens: CALIBRATION_TOKENS },
  SEED,
);
const measurement = await session.measure(text);
const workspace = await session.workspace(measurement);
const table = await session.price(measurement, workspace, 'gptq');
const planner = new Planner({ model, table, notes: fileNotes({ rounding: 'gptq' }) });
const tokens = await evaluationTokens(nodeHost, model, { files: files(options.evaluation), tokens: Infinity });
const length = sequenceLength(model);
const setting = { session, measurement, workspace, length };
const spread = (part: Int32Array, count: number): Int32Array =>
  packSequences(part, { length, count: Math.floor(count / length), seed: SEED });
const half = tokens.length >> 1;
const seen = await PlanJudge.open(setting, spread(tokens.subarray(0, half), searched));
const unseen = await PlanJudge.open(setting, spread(tokens.subarray(half), judged));
console.log(
  `${machine()}, seed ${SEED}; searched on ${seen.tokens} scored tokens, judged on ${unseen.tokens} others; ` +
    'differences relative to the additive optimum, 95 % intervals',
);

/** Standard errors to either side of a 95 % interval. */
const INTERVAL = 1.96;
const rows: Record<string, string>[] = [];

function tell(bits: number, name: string, plan: BitPlan, judgement: Judgement, additive: Judgement): void {
  const { mean, standardError } = judgement.evaluation.kl;
  const base = additive.evaluation.kl.mean;
  const pairs = judgement.windows.map((kl, w) => kl - additive.windows[w]);
  const difference = estimate(Float32Array.from(pairs));
  const margin = INTERVAL * difference.standardError;
  const share = (value: number): string => `${((100 * value) / base).toFixed(2)} %`;
  rows.push({
    bits: bits.toFixed(1),
    plan: name,
    bytes: String(plan.prediction!.fileBytes),
    predicted: plan.prediction!.kl.toFixed(5),
    'on searched text': plan.search?.kl.toFixed(5) ?? '',
    'true KL': `${mean.toFixed(5)} ± ${standardError.toFixed(5)}`,
    difference: `${share(difference.mean)} (${share(difference.mean - margin)} to ${share(difference.mean + margin)})`,
  });
  console.log(Object.values(rows[rows.length - 1]).join('\t'));
}

for (const bits of sizes) {
  const budgets = budgetsOf(model, { bitsPerWeight: bits });
  const { tried, corrections } = await verify(table, {
    solve: (found) => planner.plan(budgets, { corrections: found }),
    predict: (plan, found) => planner.predict(plan, found),
    measure: async (plan) => (await seen.judge(plan)).evaluation,
    probe: async (plan, only) => probeResult(await seen.judge(plan, only)),
  });
  const additive = await unseen.judge(tried[0].plan);
  tell(bits, 'additive', tried[0].plan, additive, additive);
  const corrected = await planner.plan(budgets, { corrections });
  tell(bits, 'corrected', corrected, await unseen.judge(corrected), additive);
  for (const solver of options.solvers.split(',')) {
    const plan = await searchPlan(planner, table, budgets, seen, { solver, evaluations, seed: SEED });
    tell(bits, solver, plan, await unseen.judge(plan), additive);
  }
}
console.table(rows);
workspace.close();
await session.close();
