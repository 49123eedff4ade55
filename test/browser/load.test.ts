import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser } from '../../bench/browser/browser.ts';
import type { LikelyToken } from '../../bench/speed/types.ts';
import { fileSink } from '../../src/container/node.ts';
import { openModel } from '../../src/model/open.node.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { predictLatency } from '../../src/pipeline/latency/predict.ts';
import { productsOf } from '../../src/pipeline/latency/products.ts';
import { createSession } from '../../src/run/session.ts';
import { temporaryFolder } from '../pipeline/support.ts';
import { testKernels } from '../support/kernels.ts';
import { tinyPath } from '../support/synthetic.ts';

/** One for every block of the model, so that a single file holds them all. */
const FORMATS = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_XS', 'IQ4_NL', 'Q4_0'];
const PROMPT = [12, 300, 45, 1999, 2, 77, 4000, 513, 8, 9, 1024, 640];
const COUNT = 10;

test('latency is measured in a browser, too: a plan takes its products and the fixed part, in the unit of decoding (within a factor of 100)', async (t) => {
  const path = join(await temporaryFolder(t), 'mixed.gguf');
  const original = await openModel(tinyPath);
  const formatOf = ({ layer }: { layer: number }) => ['Q4_K', 'Q8_0', 'Q6_K'][layer % 3] ?? 'Q8_0';
  await writeModelGguf(original, await fileSink(path), { formatOf });
  await original.close();
  const browser = await openBrowser(path);
  if (typeof browser === 'string') return t.skip(browser);
  try {
    const { table, decoded } = await (await browser.start('ours', 1)).latency(['Q4_K', 'Q6_K', 'Q8_0']);
    assert.match(table.key.device.engine, /Chrome/);
    assert.deepEqual(Object.keys(table.rounds).sort(), ['Q4_K', 'Q6_K', 'Q8_0']);
    const model = await openModel(path);
    const products = productsOf(model, (name) => model.tensors.get(name)!.format);
    const { milliseconds } = predictLatency(table, products);
    await model.close();
    const byHand = products.map(({ format, rows, columns }) =>
      median(table.rounds[format].map((round) => round.products[`${rows}x${columns}`])),
    );
    const fixed = median(Object.values(table.rounds).flatMap((rounds) => rounds.map((round) => round.fixed)));
    const expected = byHand.reduce((sum, time) => sum + time, fixed);
    assert.ok(Math.abs(milliseconds / expected - 1) < 1e-9, `${milliseconds} ms, by hand ${expected}`);
    assert.ok([...byHand, fixed].every((time) => time > 0));
    t.diagnostic(`predicted ${milliseconds.toFixed(3)} ms, decoded ${decoded.milliseconds.toFixed(3)} ms`);
    // A busy machine may be off by much, a wrong unit by a thousand.
    assert.ok(milliseconds > decoded.milliseconds / 100 && milliseconds < decoded.milliseconds * 100);
  } finally {
    await browser.close();
  }
});

test('a mixed file gives the same likeliest tokens in Node, in a browser and in wllama', async (t) => {
  const path = join(await temporaryFolder(t), 'mixed.gguf');
  const original = await openModel(tinyPath);
  await writeModelGguf(original, await fileSink(path), { formatOf: ({ layer }) => FORMATS[layer] ?? 'Q8_0' });
  await original.close();
  const browser = await openBrowser(path);
  if (typeof browser === 'string') return t.skip(browser);
  try {
    const inNode = await logProbabilities(path);
    const ours = await (await browser.start('ours', 2)).likeliest(PROMPT, COUNT);
    const theirs = await (await browser.start('wllama', 1)).likeliest(PROMPT, COUNT);
    const [apart, beside] = [ours, theirs].map((likely) => largestDifference(likely, inNode));
    t.diagnostic(
      `log-probabilities: browser within ${apart.toExponential(1)}, wllama within ${beside.toExponential(1)}`,
    );
    assert.ok(apart < 1e-4, `ours in the browser differs by ${apart}`);
    assert.ok(beside < 0.2, `wllama differs by ${beside}`); // both round activations to int8, each in its own way
    assert.equal(theirs[0].token, ours[0].token);
  } finally {
    await browser.close();
  }
});

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

async function logProbabilities(path: string): Promise<Float32Array> {
  const kernels = await testKernels();
  const model = await openModel(path);
  const session = await createSession(kernels.device, model, { contextLength: 64 });
  const logits = kernels.upload(await session.prefill(PROMPT));
  kernels.logSoftmax(logits, logits.length);
  session.close();
  await model.close();
  return logits;
}

function largestDifference(likely: readonly LikelyToken[], expected: Float32Array): number {
  assert.equal(likely.length, COUNT);
  return Math.max(...likely.map(({ token, p }) => Math.abs(Math.log(p) - expected[token])));
}
