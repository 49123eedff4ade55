import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGguf } from '../../src/container/gguf/read.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import type { Model } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { hiddenStates, openHead } from '../../src/run/forward.ts';
import { createSession } from '../../src/run/session.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const tokens = Array.from({ length: 9 }, (_, i) => (i * 613 + 5) % 4096);
const vocabulary = 4096;

test('prefill and decode give the logits of one pass over all tokens, within 1e-5', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('Qwen3ForCausalLM', { head_dim: 32 });
  const used = kernels.memory().used;
  const session = await createSession(kernels.device, model, { contextLength: 16, exact: true });
  const all = await session.allLogits(tokens);
  assert.equal(session.position, tokens.length);
  session.rewind(0);
  assertClose(await session.prefill(tokens.slice(0, 4)), all.subarray(3 * vocabulary, 4 * vocabulary));
  for (let i = 4; i < tokens.length; i++) {
    assertClose(await session.decode(tokens[i]), all.subarray(i * vocabulary, (i + 1) * vocabulary));
  }
  session.close();
  assert.equal(kernels.memory().used, used, 'everything was given back');
});

test('block-streaming states and the head, kept or streamed, give the session’s logits within 1e-5', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('Qwen2ForCausalLM', { tie_word_embeddings: true });
  const session = await createSession(kernels.device, model, { contextLength: 16, exact: true });
  const all = await session.allLogits(tokens);
  session.close();
  const used = kernels.memory().used;
  const two = Int32Array.from([...tokens, ...tokens]);
  const states = await hiddenStates(kernels.device, model, { ids: two, sequences: 2, length: tokens.length });
  assert.equal(states.length, 2 * tokens.length * model.config.hidden);
  for (const residentBytes of [2 ** 30, 1000 * 64 * 4]) {
    const head = await openHead(kernels.device, model, residentBytes);
    const x = kernels.upload(states);
    const logits = kernels.f32(two.length * vocabulary);
    await head.logits(x, logits, two.length);
    assertClose(logits.subarray(0, all.length), all);
    assertClose(logits.subarray(all.length), all);
    kernels.free(x, logits);
    head.close();
  }
  assert.equal(kernels.memory().used, used, 'everything was given back');
});

test('packed matrices differ from exact ones by the rounding of activations only', async (t) => {
  const kernels = await testKernels();
  const source = await syntheticModel('LlamaForCausalLM', {
    hidden_size: 256,
    intermediate_size: 256,
    num_hidden_layers: 1,
  });
  let compared = 0;
  for (const format of ['Q8_0', 'Q4_0', 'IQ3_S', 'IQ2_S', 'IQ1_S', 'F16', 'BF16']) {
    if (!kernels.supportsPacked(format)) continue;
    const model = await converted(source, format);
    const packed = await logitsOf(model, false);
    const exact = await logitsOf(model, true);
    const error = Math.sqrt(meanSquare(packed.map((value, i) => value - exact[i])) / meanSquare(exact));
    t.diagnostic(`${format}: relative error ${error.toExponential(2)}`);
    assert.ok(error < (format.includes('Q') ? 0.02 : 1e-5), `${format}: relative error ${error}`);
    compared++;
  }
  if (compared === 0) t.skip(`${kernels.name} computes from no packed format`);

  async function logitsOf(model: Model, exact: boolean): Promise<Float32Array> {
    const session = await createSession(kernels.device, model, { contextLength: 16, exact });
    const logits = await session.allLogits(tokens);
    session.close();
    return logits;
  }
});

test('rejects tokens beyond the context or the vocabulary, and an empty prompt', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  const session = await createSession((await testKernels()).device, model, { contextLength: 4 });
  await assert.rejects(session.prefill([]), /no tokens/);
  await assert.rejects(session.prefill([1, 2, 3, 4, 5]), /5 tokens do not fit the context of 4/);
  await assert.rejects(session.prefill([4096]), /token 4096 is not in the vocabulary/);
  assert.equal(session.position, 0);
  await session.prefill([1, 2, 3, 4]);
  await assert.rejects(session.decode(5), /5 tokens do not fit/);
  assert.throws(() => session.rewind(5), /holds 4 tokens/);
  session.close();
});

async function converted(model: Model, format: string): Promise<Model> {
  const sink = new MemorySink();
  await writeModelGguf(model, sink, { formatOf: () => format });
  const file = await readGguf(memorySource(sink.bytes()));
  return modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata) });
}

function assertClose(found: Float32Array, expected: Float32Array): void {
  assert.equal(found.length, expected.length);
  const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  assert.ok(worst < 1e-5, `largest difference ${worst}`);
}

function meanSquare(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0) / values.length;
}
