import { changed, oneRope, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'olmo2',
  huggingFace: 'Olmo2ForCausalLM',
  fields: configs.Olmo2ForCausalLM,
  variants: (graph) => ({
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
    'norms behind attention': without(graph, (_, weight) => weight.includes('post_attention_norm')),
    'norms behind feed-forward': without(graph, (_, weight) => weight.includes('post_ffw_norm')),
  }),
});

testArchitecture({
  name: 'olmo3',
  huggingFace: 'Olmo3ForCausalLM',
  fields: configs.Olmo3ForCausalLM,
  variants: (graph) => ({
    windows: changed(graph, 'attention', { window: null }),
    'the RoPE of blocks that slide': oneRope(graph),
  }),
});
