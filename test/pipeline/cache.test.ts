import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/core/errors.ts';
import { cacheStates } from '../../src/graph/states.ts';
import { cacheBytes } from '../../src/model/cache-formats.ts';
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
  const half = states.reduce((sum, state) => sum + cacheBytes(state.width, 'F16', CONTEXT), 0);
  const kv = Math.floor(half / 3);
  const planned = await quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17, kv } });
  const { sites, prediction } = planned.plan;
  const taken = states.reduce((sum, { name, width }) => sum + cacheBytes(width, sites[name], CONTEXT), 0);
  assert.equal(prediction!.costs!['kv'], taken);
  assert.ok(taken <= kv && taken > 0.8 * kv, `${taken} of ${kv} bytes`);
  assert.equal(planned.fileBytes, prediction!.fileBytes);
  assert.deepEqual((await opened(output)).roundings, new Map(states.map(({ name }) => [name, sites[name]])));
  assert.ok(prediction!.stateKl! > 0.5 * prediction!.kl, 'nearly all of the loss is the cache’s');

  const free = await quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17 } });
  assert.ok(states.every(({ name }) => !(name in free.plan.sites)));
  assert.equal(free.plan.prediction!.costs!['kv'], 2 * half, 'float32, when nothing is planned');

  // The same weights without a word on the cache.
  const isState = (id: string): boolean => states.some(({ name }) => name === id);
  const kept = Object.entries(sites).filter(([id]) => !isState(id));
  const weights = { ...planned.plan, sites: Object.fromEntries(kept) };
  const alone = await quantize({ kind: 'plan', plan: weights });
  assert.equal((await opened(output)).roundings, undefined);
  assert.ok(alone.evaluation!.kl.mean < 0.5 * planned.evaluation!.kl.mean);

  const uniform = await quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17, kv } }, { kvUniform: true });
  for (const kind of ['k', 'v'])
    assert.equal(
      new Set(states.filter((state) => state.kind === kind).map(({ name }) => uniform.plan.sites[name])).size,
      1,
    );
  assert.ok(uniform.plan.prediction!.costs!['kv'] <= kv && uniform.plan.prediction!.kl >= prediction!.kl);

  await assert.rejects(
    quantize({ kind: 'budgets', wishes: { bitsPerWeight: 17, kv: 1000 } }),
    /kv: the smallest choices take \d+, the budget is 1000/,
  );
  const short = { ...weights, sites: { ...weights.sites, 'blk.0.k': 'Q8_0' } };
  await assert.rejects(
    quantize({ kind: 'plan', plan: short }),
    /names no format for blk.1.k; name one for all 4 states/,
  );
  const wide = { ...weights, sites: { ...sites, 'blk.0.k': 'Q4_K' } };
  await assert.rejects(quantize({ kind: 'plan', plan: wide }), /blk.0.k: Q4_K does not hold heads of 32 values/);
});

test('rejects plans whose cache is no list of formats', () => {
  const read = (cache: unknown) => readPlan(JSON.stringify({ default: 'Q8_0', cache }), 'plan.json');
  assert.deepEqual(read({ k: ['q8_0'], v: ['F16'] }).sites, { 'blk.0.k': 'Q8_0', 'blk.0.v': 'F16' });
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
