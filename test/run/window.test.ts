import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Model } from '../../src/model/types.ts';
import { hiddenStates } from '../../src/run/forward.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const WINDOW = 24;
const ids = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => (i * 97) % 4096);

async function states(model: Model, length: number): Promise<Float32Array> {
  const { device } = await testKernels();
  return hiddenStates(device, model, { ids: ids(length), sequences: 1, length });
}

test('within its window a sliding model computes what full attention computes, bit for bit; beyond it does not', async () => {
  const full = await syntheticModel('MistralForCausalLM', { sliding_window: null });
  const sliding = await syntheticModel('MistralForCausalLM', { sliding_window: WINDOW });
  assert.deepEqual(await states(sliding, WINDOW), await states(full, WINDOW));
  const [a, b] = [await states(sliding, WINDOW + 1), await states(full, WINDOW + 1)];
  const { hidden } = full.config;
  assert.deepEqual(a.subarray(0, WINDOW * hidden), b.subarray(0, WINDOW * hidden));
  assert.notDeepEqual(a.subarray(WINDOW * hidden), b.subarray(WINDOW * hidden));
});

test('beyond the window, token by token gives the logits of one pass within 1e-4 of the largest, in three families', async () => {
  const kernels = await testKernels();
  const kinds: [string, Record<string, unknown>][] = [
    ['MistralForCausalLM', { sliding_window: WINDOW }],
    ['Qwen2ForCausalLM', { sliding_window: WINDOW, use_sliding_window: true, max_window_layers: 0 }],
    [
      'Qwen3ForCausalLM',
      { sliding_window: WINDOW, use_sliding_window: true, layer_types: ['full_attention', 'sliding_attention'] },
    ],
  ];
  for (const [architecture, overrides] of kinds) {
    const model = await syntheticModel(architecture, overrides);
    const session = await createSession(kernels.device, model, { contextLength: 64, exact: true });
    const length = 2 * WINDOW + 3;
    const all = await session.allLogits(ids(length));
    session.rewind(0);
    await session.prefill(ids(length).subarray(0, WINDOW - 2));
    for (let t = WINDOW - 2; t < length; t++) {
      const found = await session.decode(ids(length)[t]);
      const expected = all.subarray(t * found.length, (t + 1) * found.length);
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
      assert.ok(worst < 1e-4 * largest, `${architecture}, token ${t}: ${worst} of ${largest}`);
    }
    session.close();
  }
});
