import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'qwen35',
  huggingFace: 'Qwen3_5ForCausalLM',
  fields: configs.Qwen3_5ForCausalLM,
  variants: (graph) => ({
    convolutions: without(graph, ({ op }) => op === 'shortConv'),
    'the delta rule': changed(graph, 'linearAttention', { delta: false }),
    'keys in turns': changed(graph, 'linearAttention', { tiled: false }),
    'the scale of queries': changed(graph, 'linearAttention', { scale: 1 }),
    'rates of forgetting': without(graph, ({ op }) => op === 'scaleColumns'),
    'biases of time steps': without(graph, ({ op }) => op === 'addBias'),
    'norms behind the recurrence': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('ssm_norm')),
    'gates of attention': without(graph, ({ op }) => op === 'multiply'),
    positions: without(graph, ({ op }) => op === 'rope'),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
  }),
});
