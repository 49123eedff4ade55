import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'deepseek2',
  huggingFace: 'DeepseekV3ForCausalLM',
  fields: configs.DeepseekV3ForCausalLM,
  variants: (graph) => ({
    'the scale of attention': changed(graph, 'attention', { scale: 1 / Math.sqrt(48) }),
    RoPE: without(graph, ({ op }) => op === 'rope'),
    'norms of latent vectors': without(
      graph,
      ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_kv_a_norm'),
    ),
    'norms of compressed queries': without(graph, (_, weight) => weight.includes('attn_q_a_norm')),
    groups: changed(graph, 'route', { groups: 1, usedGroups: 1 }),
    'sigmoids of routers': changed(graph, 'route', { gating: 'softmax' }),
    'the factor of routed experts': changed(graph, 'route', { scale: 1 }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
  }),
});
