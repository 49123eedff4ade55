/**
 * Do 90 % intervals hold what they promise? Every plan is predicted three times: before anything of the model was evaluated, by
 * `quantize` from probes of its own, and by `plan` from probes of the budgets before it. Then it is measured.
 *
 *     node bench/predictions.ts [MODEL...] [--bits=2.2,2.5,…] [--work=DIR] [--threads=2]
 *
 * Prints every plan, and by who predicted it the share inside, which is to be 90 % or more, and the mean half-width.
 */

import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { PlanPrediction } from '../src/allocate/types.ts';
import { openModel } from '../src/model/open.node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { quantizeModel } from '../src/pipeline/quantize.ts';
import { solveFor } from '../src/pipeline/solve.ts';
import { calibrationTokens, heldOutTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { assetPath, tinyModel } from '../src/text/assets.node.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: 'string', default: '2.2,2.35,2.5,2.65,2.8,3,3.2,3.4,3.6,3.8,4,4.2,4.4,4.6,4.8,5,5.2,5.4,5.7,6' },
    work: { type: 'string', default: join('out', 'bench-predictions') },
    threads: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
  },
});
const TOKENS = { calibration: 16384, evaluation: 8192 };
const SEED = 0;
const WHO = ['plan, nothing evaluated', 'quantize', 'plan, other budgets evaluated'] as const;
const sizes = options.quick ? [2.5, 4.5] : options.bits.split(',').map(Number);
const results = new Map(WHO.map((who) => [who, [] as { readonly inside: boolean; readonly halfWidth: number }[]]));
console.log(machine());

for (const path of positionals.length > 0 ? positionals : [assetPath(tinyModel)]) {
  const folder = join(options.work, basename(path));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const job = async (bits: number) => {
    const model = await openModel(path);
    const made = {
      ...{ folder, rounding: 'gptq' as const, threads: Number(options.threads), seed: SEED },
      calibration: () => calibrationTokens(nodeHost, model, { tokens: TOKENS.calibration }, SEED),
      evaluation: () => heldOutTokens(nodeHost, model, { tokens: TOKENS.evaluation }),
    };
    return { model, made, wishes: { bitsPerWeight: bits } };
  };
  const predicted = async (bits: number): Promise<PlanPrediction> => {
    const { model, made, wishes } = await job(bits);
    return (await solveFor(nodeHost, model, wishes, made)).plans[0].prediction!;
  };
  const before: PlanPrediction[] = [];
  for (const bits of sizes) before.push(await predicted(bits));
  for (const [i, bits] of sizes.entries()) {
    const between = i > 0 ? await predicted(bits) : undefined;
    const { model, made, wishes } = await job(bits);
    const target = { kind: 'budgets', wishes } as const;
    const output = join(folder, 'out.gguf');
    const result = await quantizeModel(nodeHost, model, {
      ...made,
      target,
      output,
      evaluationLength: sequenceLength(model),
    });
    const kl = result.evaluation!.kl.mean;
    const row = [basename(path), bits.toFixed(2), `measured ${kl.toPrecision(4)}`];
    for (const [who, prediction] of [
      [WHO[0], before[i]],
      [WHO[1], result.plan.prediction!],
      [WHO[2], between],
    ] as const) {
      if (prediction === undefined) continue;
      const { low, high } = prediction.klInterval!;
      results.get(who)!.push({ inside: low <= kl && kl <= high, halfWidth: (high - low) / 2 / prediction.kl });
      row.push(`${who}: ${prediction.kl.toPrecision(4)} (${low.toPrecision(3)} to ${high.toPrecision(3)})`);
    }
    console.log(row.join('\t'));
  }
}
for (const [who, found] of results) {
  if (found.length === 0) continue;
  const inside = found.filter((each) => each.inside).length / found.length;
  const width = found.reduce((sum, each) => sum + each.halfWidth, 0) / found.length;
  console.log(
    `${who}: ${(100 * inside).toFixed(0)} % of ${found.length} inside, mean half-width ${(100 * width).toFixed(0)} %`,
  );
}
