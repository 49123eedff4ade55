import { changed, oneRope, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'gemma3',
  huggingFace: 'Gemma3ForCausalLM',
  fields: configs.Gemma3ForCausalLM,
  variants: (graph) => ({
    windows: changed(graph, 'attention', { window: null }),
    'the base of blocks that slide': oneRope(graph),
    'the scale of attention': changed(graph, 'attention', { scale: 1 }),
    'the scale of the embedding': without(graph, ({ op }) => op === 'scale'),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
    'norms behind attention': without(graph, (_, weight) => weight.includes('post_attention_norm')),
    'norms behind feed-forward': without(graph, (_, weight) => weight.includes('post_ffw_norm')),
    GELU: changed(graph, 'gated', { activation: 'silu' }),
  }),
});
