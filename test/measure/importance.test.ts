import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { measureImportance } from '../../src/measure/importance.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { memoryStore } from '../../src/measure/store.ts';
import { textSequences } from '../../src/run/sequences.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { relativeDistance } from './support.ts';

const EXPERTS = {
  num_experts: 6,
  num_experts_per_tok: 2,
  moe_intermediate_size: 32,
  shared_expert_intermediate_size: 32,
};

test('one pass gives the importance that the whole measurement finds, to 1e-6, experts each by their own tokens', async () => {
  const kernels = await testKernels();
  const random = new Random(4);
  const tokens = { sequences: 6, length: 48, ids: Int32Array.from({ length: 6 * 48 }, () => random.integer(4096)) };
  let compared = 0;
  for (const [architecture, config] of [
    ['LlamaForCausalLM', {}],
    ['Gemma3ForCausalLM', { hidden_act: 'gelu_pytorch_tanh', hidden_activation: 'gelu_pytorch_tanh' }],
    ['Qwen2MoeForCausalLM', EXPERTS],
  ] as const) {
    const model = await syntheticModel(architecture, config);
    const importance = await measureImportance(kernels, model, textSequences(tokens));
    const { summaries } = await measureModel(kernels, model, tokens, { store: memoryStore(), seed: 1 });
    for (const { tensor, use, importance: expected } of summaries) {
      if (use !== 'linear') continue;
      const found = importance.get(tensor);
      assert.ok(found, `${architecture} ${tensor}`);
      const distance = relativeDistance(found, expected);
      assert.ok(distance < 1e-6, `${architecture} ${tensor}: ${distance}`);
      compared++;
    }
  }
  assert.ok(compared > 60, `${compared} matrices`);
});
