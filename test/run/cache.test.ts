import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGguf } from '../../src/container/gguf/read.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { cacheStates } from '../../src/graph/states.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { cacheBytes, cacheMetadata, withCacheFormats } from '../../src/model/cache-formats.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import type { Model, Roundings } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { hiddenStates, openHead } from '../../src/run/forward.ts';
import { createSession } from '../../src/run/session.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import type { TypedMetadata } from '../../src/text/types.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const tokens = Int32Array.from({ length: 9 }, (_, i) => (i * 613 + 5) % 4096);
const MIX: Roundings = new Map([
  ['blk.0.k', 'Q8_0'],
  ['blk.1.k', 'Q5_1'],
  ['blk.0.v', 'F32'],
  ['blk.1.v', 'Q4_0'],
]);

test('decoding over a packed cache gives what one pass over rounded keys and values gives', async () => {
  const kernels = await testKernels();
  const source = await syntheticModel('Qwen3ForCausalLM', { head_dim: 32 });
  const model = { ...source, roundings: MIX };
  const session = await createSession(kernels.device, model, { contextLength: 16, exact: true });
  await session.prefill(tokens.subarray(0, 4));
  for (const token of tokens.subarray(4, 8)) await session.decode(token);
  const decoded = Float32Array.from(await session.decode(tokens[8]));
  session.rewind(0);
  const all = await session.allLogits(tokens);
  const vocabulary = model.config.vocabulary;
  session.close();
  const rounded = await lastLogits(kernels, model);
  const effect = distance(await lastLogits(kernels, source), rounded);
  // A sum in another order may fall on the other side of a rounding step, so far less than a step's effect is asked.
  assert.ok(effect > 1e-3, `rounding changes logits by ${effect}`);
  assert.ok(distance(decoded, rounded) < 0.01 * effect, `decoded: ${distance(decoded, rounded)}`);
  assert.ok(distance(all.subarray(8 * vocabulary), rounded) < 0.01 * effect);
});

test('a packed cache takes the bytes that its formats say, and one tile of floats', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM', { head_dim: 32, num_hidden_layers: 4 });
  const [context, layers] = [512, 4];
  const taken = async (k: string, v: string): Promise<number> => {
    const before = kernels.memory().used;
    const session = await createSession(kernels.device, withCacheFormats(model, { k, v }), { contextLength: context });
    const used = kernels.memory().used - before;
    session.close();
    assert.equal(kernels.memory().used, before, 'everything was given back');
    return used;
  };
  const bytes = (name: string): number => cacheBytes(cacheStates(model.graph)[0].width, name, context);
  assert.equal(bytes('Q8_0'), (context * 64 * 34) / 32);
  const floats = await taken('F32', 'F32');
  const saved = (name: string): number => (layers - 1) * bytes('F32') - layers * bytes(name);
  // Allocations are rounded up to whole lines of the cache.
  const slack = 64 * 2 * (layers + 1);
  assert.ok(Math.abs(floats - (await taken('Q8_0', 'F32')) - saved('Q8_0')) <= slack);
  assert.ok(Math.abs(floats - (await taken('Q4_0', 'Q8_0')) - saved('Q4_0') - saved('Q8_0')) <= slack);
});

test('a GGUF file says how its cache is kept, and what is written from it says so for itself', async () => {
  const source = await syntheticModel('LlamaForCausalLM', { head_dim: 32 });
  const model = await rewritten(source, cacheMetadata(source, MIX));
  assert.deepEqual(model.roundings, MIX);
  assert.equal((await rewritten(model, new Map())).roundings, undefined);
  assert.deepEqual(
    withCacheFormats(model, { v: 'q8_0' }).roundings,
    new Map([...MIX, ['blk.0.v', 'Q8_0'], ['blk.1.v', 'Q8_0']]),
  );
  assert.throws(
    () => withCacheFormats(model, { k: 'q4_k' }),
    /q4_k does not hold heads of 32 values; expected one of F32/,
  );
  assert.throws(() => withCacheFormats(model, { k: 'q9' }), /q9 is not known/);
});

test('rejects files whose cache has another number of blocks or impossible types', async () => {
  const source = await syntheticModel('LlamaForCausalLM', { head_dim: 32 });
  const v: TypedMetadata = { type: 'array:uint32', value: [8, 8] };
  const bad: [TypedMetadata | undefined, RegExp][] = [
    [{ type: 'array:uint32', value: [8] }, /bitbudget.cache_k must list 2 types, one per block with a cache/],
    [{ type: 'array:uint32', value: [8, 12] }, /bitbudget.cache_k has type 12, which no cache/],
    [{ type: 'array:uint32', value: [8, 999] }, /has type 999/],
    [{ type: 'array:string', value: ['Q8_0', 'Q8_0'] }, /has type Q8_0/],
    [{ type: 'uint32', value: 8 }, /must list 2 types/],
    [undefined, /must list 2 types/],
  ];
  for (const [k, message] of bad) {
    const metadata = new Map([['bitbudget.cache_v', v], ...(k ? [['bitbudget.cache_k', k] as const] : [])]);
    await assert.rejects(rewritten(source, metadata), message);
  }
});

async function rewritten(model: Model, metadata: ReadonlyMap<string, TypedMetadata>): Promise<Model> {
  const sink = new MemorySink();
  await writeModelGguf(model, sink, { formatOf: () => 'F32', metadata });
  const file = await readGguf(memorySource(sink.bytes()));
  return modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata) });
}

/** Logits after the last token, all tokens in one pass. */
async function lastLogits(kernels: Kernels, model: Model): Promise<Float32Array> {
  const { hidden, vocabulary } = model.config;
  const states = await hiddenStates(kernels.device, model, { ids: tokens, sequences: 1, length: tokens.length });
  const head = await openHead(kernels.device, model);
  const logits = kernels.f32(vocabulary);
  const x = kernels.upload(states.subarray(8 * hidden));
  await head.logits(x, logits, 1);
  const copy = Float32Array.from(logits);
  kernels.free(x, logits);
  head.close();
  return copy;
}

/** Root mean square of the difference. */
function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
}
