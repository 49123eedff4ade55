import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/core/errors.ts';
import { cacheStates } from '../../src/graph/states.ts';
import { cacheBytes, listsOfCache } from '../../src/model/cache-formats.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model } from '../../src/model/types.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { readPlan } from '../../src/pipeline/plan/plan-file.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import type { QuantizeOptions } from '../../src/pipeline/quantize-options.ts';
import { quickOptions, smallModelFile, temporaryFolder } from './support.ts';

const CONTEXT = 100;

test('a KV budget is kept to the byte, the file tells its formats, and verification measures with them', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder, { head_dim: 32 });
  const { graph } = await opened(source);
  const states = cacheStates(graph);
  const output = join(folder, 'out.gguf');
  const quantize = async (target: QuantizeOptions['target'], more: Partial<QuantizeOptions> = {}) =>
    quantizeModel(nodeHost, await openModel(source), {
      ...quickOptions(folder),
      target,
      palette: ['Q8_0', 'F16'],
      context: CONTEXT,
      ...more,
    });
  const half = states.reduce((sum, state) => sum + cacheBytes(state, 'F16', CONTEXT), 0);
  const kv = Math.floor(half / 3);
  const planned = await quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17, kv } });
  const { cache, prediction } = planned.plan;
  const names = [...cache!.k, ...cache!.v];
  const taken = states.reduce((sum, state, i) => sum + cacheBytes(state, names[i], CONTEXT), 0);
  assert.equal(prediction!.costs!['kv'], taken);
  assert.ok(taken <= kv && taken > 0.8 * kv, `${taken} of ${kv} bytes`);
  assert.equal(planned.fileBytes, prediction!.fileBytes);
  assert.deepEqual(listsOfCache(graph, (await opened(output)).cache!), cache);
  assert.ok(prediction!.cacheKl! > 0.5 * prediction!.kl, 'nearly all of the loss is the cache’s');

  const free = await quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17 } });
  assert.equal(free.plan.cache, undefined);
  assert.equal(free.plan.prediction!.costs!['kv'], 2 * half, 'float32, when nothing is planned');

  // The same weights without a word on the cache.
  const { cache: _, ...weights } = planned.plan;
  const alone = await quantize({ kind: 'plan', plan: weights });
  assert.equal((await opened(output)).cache, undefined);
  assert.ok(alone.evaluation!.kl.mean < 0.5 * planned.evaluation!.kl.mean);

  const uniform = await quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17, kv } }, { kvUniform: true });
  for (const names of [uniform.plan.cache!.k, uniform.plan.cache!.v]) assert.equal(new Set(names).size, 1);
  assert.ok(uniform.plan.prediction!.costs!['kv'] <= kv && uniform.plan.prediction!.kl >= prediction!.kl);

  await assert.rejects(
    quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17, kv: 1000 } }),
    /kv: the smallest choices take \d+, the budget is 1000/,
  );
  const short = { ...weights, cache: { k: ['Q8_0'], v: ['Q8_0', 'Q8_0'] } };
  await assert.rejects(
    quantize({ kind: 'plan', plan: short }),
    /1 formats of cache k, the model has 2 blocks with one/,
  );
});

test('rejects plans whose cache is no list of formats', () => {
  const read = (cache: unknown) => readPlan(JSON.stringify({ default: 'Q8_0', cache }), 'plan.json');
  assert.deepEqual(read({ k: ['q8_0'], v: ['F16'] }).cache, { k: ['Q8_0'], v: ['F16'] });
  let refused = 0;
  for (const cache of [null, 7, 'Q8_0', {}, { k: ['Q8_0'] }, { k: 'Q8_0', v: 'Q8_0' }, { k: [1], v: ['Q8_0'] }]) {
    assert.throws(
      () => read(cache),
      (error) => error instanceof UsageError && /"cache" must be/.test(error.message),
    );
    refused++;
  }
  assert.equal(refused, 7);
});

/** What a file says of itself; the file is closed again. */
async function opened(path: string): Promise<Model> {
  const model = await openModel(path);
  await model.close();
  return model;
}
