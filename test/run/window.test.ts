import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/core/errors.ts';
import { hiddenStates } from '../../src/run/forward.ts';
import { generate } from '../../src/run/generate.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const tokens = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => (i * 97) % 4096);

test('within its window a sliding model computes what full attention computes, bit for bit', async () => {
  const kernels = await testKernels();
  const full = await syntheticModel('MistralForCausalLM', { sliding_window: null });
  const sliding = await syntheticModel('MistralForCausalLM', { sliding_window: 24 });
  const [a, b] = [full, sliding].map((model) => hiddenStates(kernels, model, { tokens: tokens(48), length: 24 }));
  assert.deepEqual(await b, await a);
});

test('texts beyond the window are refused in one line that names it', async () => {
  const kernels = await testKernels();
  const kinds: [string, Record<string, unknown>][] = [
    ['MistralForCausalLM', { sliding_window: 24 }],
    ['Qwen2ForCausalLM', { sliding_window: 24, use_sliding_window: true, max_window_layers: 0 }],
    [
      'Qwen3ForCausalLM',
      { sliding_window: 24, use_sliding_window: true, layer_types: ['full_attention', 'sliding_attention'] },
    ],
  ];
  for (const [architecture, overrides] of kinds) {
    const model = await syntheticModel(architecture, overrides);
    const refused = (error: Error): boolean =>
      error instanceof UsageError && /sliding window of 24 tokens/.test(error.message) && !error.message.includes('\n');
    await assert.rejects(hiddenStates(kernels, model, { tokens: tokens(25), length: 25 }), refused);
    const session = await createSession(kernels.device, model, { contextLength: 100 });
    assert.equal(session.contextLength, 24);
    await assert.rejects(session.prefill(tokens(25)), refused);
    session.close();
  }
});

test('generation ends where the window does', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('MistralForCausalLM', { sliding_window: 24 });
  const session = await createSession(kernels.device, model);
  const pieces = generate(session, model.tokenizer, tokens(20), { maxTokens: 50, stop: [] });
  let next = await pieces.next();
  while (!next.done) next = await pieces.next();
  assert.deepEqual([next.value.generatedTokens, next.value.finish], [4, 'length']);
  session.close();
});
