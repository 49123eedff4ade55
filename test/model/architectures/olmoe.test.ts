import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'olmoe',
  huggingFace: 'OlmoeForCausalLM',
  fields: configs.OlmoeForCausalLM,
  variants: (graph) => ({
    'weights that do not sum to 1': changed(graph, 'route', { normalize: true }),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
  }),
});
