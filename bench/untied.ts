/**
 * Would a tied embedding pay for being stored twice? GGUF may hold an `output.weight` beside `token_embd.weight`, which
 * runtimes load: the table that is looked up in few bits, the head in more. Prices of both uses from one measurement of a
 * tied model: of one copy rounded for both, and of two rounded for one use each. Whatever the other matrices get, two
 * copies pay where a pair loses less than every single copy of no more bytes.
 *
 *     node bench/untied.ts MODEL [--calibration=FILE] [--work=DIR]
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sampleRows } from '../src/measure/price.ts';
import type { TensorMeasurement } from '../src/measure/types.ts';
import { openModel } from '../src/model/open.node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { storedBytes } from '../src/pipeline/resources/bytes.ts';
import { Session } from '../src/pipeline/session.ts';
import { calibrationTokens } from '../src/pipeline/texts.ts';
import { candidates } from '../src/quantize/candidates.ts';
import { halfCurvature } from '../src/quantize/curvature.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calibration: { type: 'string' },
    work: { type: 'string', default: join('out', 'bench-untied') },
    quick: { type: 'boolean' }, // accepted by every bench; nothing here can be shortened
  },
});
if (positionals.length === 0) {
  console.error('untied: skipped; a tied model is needed, and the embedded one has a head of its own');
  process.exit(0);
}
const SEED = 0;
const CALIBRATION_TOKENS = 16384;
const EMBEDDING = 'token_embd.weight';
/** Rows that prices are estimated from. */
const ROWS = 256;

const model = await openModel(positionals[0]);
if (!model.config.tied) throw new Error(`${positionals[0]}: its head is a matrix of its own already`);
const session = await Session.open(nodeHost, model, { folder: options.work, seed: SEED });
const files = options.calibration === undefined ? undefined : [options.calibration];
const text = await calibrationTokens(nodeHost, model, { files, tokens: CALIBRATION_TOKENS }, SEED);
const measurement = await session.measure(text);
const measured = await measurement.read(EMBEDDING);
const tensor = model.tensors.get(EMBEDDING)!;
const [rows, columns] = tensor.shape;
const formats = candidates({ columns }).map(({ name }) => name);

/** Losses of every format for some uses of the embedding, rounded for those alone; nats per token. */
async function losses(uses: readonly number[]): Promise<number[]> {
  const terms: TensorMeasurement = {
    ...measured,
    rounding: uses.map((use) => measured.rounding[use]),
    pricing: uses.map((use) => measured.pricing[use]),
  };
  const sample = sampleRows(terms.pricing, ROWS);
  const weight = new Float32Array(sample.index.length * columns);
  for (const [i, row] of sample.index.entries()) weight.set(await tensor.load(row, row + 1), i * columns);
  const { rounding: seen, pricing: unseen } = terms;
  const job = { kind: 'price', formats, rounding: 'gptq', sample, weight, seen, unseen } as const;
  return (await session.runner.price({ ...job, curvature: halfCurvature(terms) })).map(({ loss }) => loss);
}

const order = measurement.summaries.filter((summary) => summary.tensor === EMBEDDING).map(({ use }) => use);
const lookup = await losses([order.indexOf('lookup')]);
const head = await losses([order.indexOf('linear')]);
const both = await losses([0, 1]);
const size = formats.map((name) => storedBytes(name, rows, columns));

/** The best of all pairs in no more bytes. */
function bestPair(bytes: number): { name: string; loss: number } {
  let best = { name: 'none fits', loss: Infinity };
  for (const [t, table] of formats.entries())
    for (const [o, output] of formats.entries())
      if (size[t] + size[o] <= bytes && lookup[t] + head[o] < best.loss)
        best = { name: `${table} + ${output}`, loss: lookup[t] + head[o] };
  return best;
}

const digits = (value: number): string => value.toExponential(2);
console.log(`${machine()}, seed ${SEED}; ${EMBEDDING} ${rows} x ${columns}, loss in nats per token before calibration`);
console.table(
  formats.map((name, i) => {
    const pair = bestPair(size[i]);
    return {
      'one copy': name,
      bytes: size[i],
      'looked up': digits(lookup[i]),
      head: digits(head[i]),
      both: digits(both[i]),
      'two copies': pair.name,
      loss: digits(pair.loss),
      'two ÷ one': (pair.loss / Math.min(...both.filter((_, j) => size[j] <= size[i]))).toFixed(2),
    };
  }),
);
await session.close();
