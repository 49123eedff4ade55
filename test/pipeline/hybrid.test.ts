import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scoreModels } from '../../src/evaluate/evaluate.ts';
import { cacheStates } from '../../src/graph/states.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { priceRunning } from '../../src/measure/running.ts';
import { cacheBytes, cacheFromGguf, cacheMetadata, withCacheFormats } from '../../src/model/cache-formats.ts';
import type { Model } from '../../src/model/types.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import { createSession } from '../../src/run/session.ts';
import { hybridModel } from '../support/hybrid.ts';
import { testKernels } from '../support/kernels.ts';
import { quickOptions, randomTokens, temporaryFolder } from './support.ts';

const CONTEXT = 100;

test('states are those of blocks that have a cache of their own, each in its size', async () => {
  const { graph } = await hybridModel();
  const sizes = cacheStates(graph).map(({ name, width, headDim }) => [name, width, headDim]);
  assert.deepEqual(sizes, [
    ['blk.0.k', 64, 32],
    ['blk.2.k', 128, 64],
    ['blk.3.k', 128, 64],
    ['blk.0.v', 64, 32],
    ['blk.2.v', 128, 64],
    ['blk.3.v', 128, 64],
  ]);
});

test('a cache that two blocks read is decoded as one pass computes it, packed formats of differing heads included', async () => {
  const model = await hybridModel();
  const roundings = new Map(
    cacheStates(model.graph).map(({ name, headDim }) => [name, headDim === 64 ? 'NVFP4' : 'Q4_0']),
  );
  const kernels = await testKernels();
  const [plain, packed] = [await decoded(kernels, model), await decoded(kernels, { ...model, roundings })];
  const { kl } = await scoreModels(kernels, model, { ...model, roundings }, TEXT, {
    length: TEXT.length,
    firstScored: 0,
  });
  const last = kl.at(-1)!;
  assert.ok(last > 1e-4, `rounding changes the last token by ${last} nats`);
  const own = divergence(plain, packed);
  assert.ok(Math.abs(own / last - 1) < 0.02, `${own} nats decoded, ${last} in one pass`);
});

test('prices of the cache add up to the true KL of a hybrid within 20 %', async () => {
  const kernels = await testKernels();
  const model = await hybridModel();
  const batch = randomTokens(32, 32, 3);
  const sites = cacheStates(model.graph).map(({ name }) => ({ site: name, options: ['Q8_0', 'Q4_0'] }));
  const prices = await priceRunning(kernels, model, batch, { sites, seed: 1 });
  const predicted = prices.reduce((sum, { prices: [, { loss }] }) => sum + loss, 0);
  const changed = withCacheFormats(model, { k: 'q4_0', v: 'q4_0' });
  const { kl } = await scoreModels(kernels, model, changed, batch.ids, { length: 32, firstScored: 0 });
  const truth = kl.reduce((sum, value) => sum + value, 0) / kl.length;
  assert.ok(Math.abs(predicted / truth - 1) < 0.2, `${predicted} predicted, ${truth} measured`);
});

test('the whole job keeps a KV budget to the byte where blocks have caches of two sizes, none, or another’s', async (context) => {
  const folder = await temporaryFolder(context);
  const model = await hybridModel();
  const states = cacheStates(model.graph);
  const half = states.reduce((sum, state) => sum + cacheBytes(state.width, 'F16', CONTEXT), 0);
  const kv = Math.floor(half / 2);
  const wishes = { bitsPerWeight: 8, kv, memory: 10_000_000 };
  const palette = ['Q8_0', 'Q4_0', 'F16'];
  const options = { ...quickOptions(folder), palette, context: CONTEXT };
  const { plan, evaluation } = await quantizeModel(nodeHost, model, {
    ...options,
    target: { kind: 'budgets', wishes },
  });
  const taken = states.reduce((sum, { name, width }) => sum + cacheBytes(width, plan.sites[name], CONTEXT), 0);
  assert.equal(plan.prediction!.costs!['kv'], taken);
  assert.ok(taken <= kv && taken > 0.8 * kv, `${taken} of ${kv} bytes`);
  assert.ok(evaluation!.kl.mean < 2 * plan.prediction!.kl);
  const cache = new Map(states.map(({ name }) => [name, plan.sites[name]]));
  const stored = [...cacheMetadata(model, cache)].map(([key, { value }]) => [key, value] as const);
  assert.deepEqual(cacheFromGguf(new Map(stored), model), cache);
});

/** The last one is only a label. */
const TEXT = Int32Array.from({ length: 25 }, (_, i) => (i * 613 + 5) % 4096);
const TOKENS = TEXT.subarray(0, -1);

/** Logits after the last token, decoded one token at a time behind a short prompt. */
async function decoded(kernels: Kernels, model: Model): Promise<Float32Array> {
  const session = await createSession(kernels.device, model, { contextLength: 32, exact: true });
  await session.prefill(TOKENS.subarray(0, 8));
  for (const token of TOKENS.subarray(8, -1)) await session.decode(token);
  const logits = Float32Array.from(await session.decode(TOKENS.at(-1)!));
  session.close();
  return logits;
}

/** KL(p‖q) in nats of two rows of logits. */
function divergence(p: Float32Array, q: Float32Array): number {
  const [a, b] = [logProbabilities(p), logProbabilities(q)];
  return a.reduce((sum, value, i) => sum + Math.exp(value) * (value - b[i]), 0);
}

function logProbabilities(logits: Float32Array): Float64Array {
  const most = Math.max(...logits);
  const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0)) + most;
  return Float64Array.from(logits, (value) => value - total);
}
