import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'qwen3moe',
  huggingFace: 'Qwen3MoeForCausalLM',
  fields: configs.Qwen3MoeForCausalLM,
  variants: (graph) => ({
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
    experts: changed(graph, 'route', { scale: 0 }),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
  }),
});
