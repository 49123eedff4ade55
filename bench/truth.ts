/**
 * Makes the truth that metrics are judged by: plans of many shapes with their true KL and perplexity on held-out text
 * (`bitbudget metrics rank` reads it). Work in `--work` is kept, so the bench goes on where it stopped.
 *
 *     node bench/truth.ts [MODEL] [--out=FILE] [--plans=240] [--tokens=8192] [--calibration=FILE] [--evaluation=FILE]
 *                         [--calibration-tokens=16384] [--rounding=gptq] [--work=DIR] [--quick]
 */

import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeWhole } from '../src/container/node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { heldOutTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { truthToJson } from '../src/pipeline/truth/truth.ts';
import { roundingMethod } from '../src/quantize/rounding/table.ts';
import { assetPath } from '../src/text/assets.node.ts';
import { machine } from './support/machine.ts';
import { openTruthBench, textFiles } from './support/truth-bench.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    plans: { type: 'string' },
    tokens: { type: 'string' },
    calibration: { type: 'string' },
    evaluation: { type: 'string' },
    'calibration-tokens': { type: 'string', default: '16384' },
    rounding: { type: 'string', default: 'gptq' },
    work: { type: 'string', default: join('out', 'bench-truth') },
    threads: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 0;
const path = positionals[0] ?? assetPath('tiny');
const plans = Number(options.plans ?? (options.quick ? 24 : 240));
const tokens = Number(options.tokens ?? (options.quick ? 1024 : 8192));

console.log(`${machine()}, seed ${SEED}; ${plans} plans on ${tokens} tokens`);
const rounding = roundingMethod(options.rounding).name;
const { model, session, bench } = await openTruthBench(path, { ...options, rounding }, SEED);
const { judged: heldOut } = await heldOutTokens(nodeHost, model, { files: textFiles(options.evaluation), tokens });
let reported = performance.now();
const truth = await bench.truth({
  plans,
  seed: SEED,
  tokens: heldOut,
  length: sequenceLength(model),
  name: basename(resolve(path)),
  onProgress: ({ stage, done, total }) => {
    if (performance.now() - reported < 20_000 && done < total) return;
    reported = performance.now();
    console.log(`${stage} ${done} of ${total}`);
  },
});
await bench.close();
await session.close();
const kl = truth.plans.map((plan) => plan.kl).sort((a, b) => a - b);
console.log(`${kl.length} plans, KL ${kl[0].toFixed(5)} to ${kl[kl.length - 1].toFixed(5)}`);
if (options.out !== undefined) await writeWhole(options.out, truthToJson(truth));
