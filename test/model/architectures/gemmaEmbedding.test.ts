import { changed, oneRope, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { testEncoder } from '../../support/encoder.ts';

testEncoder({
  name: 'gemma-embedding',
  huggingFace: 'Gemma3TextModel',
  fields: configs.Gemma3TextModel,
  variants: (graph) => ({
    windows: changed(graph, 'attention', { window: null }),
    'what lies behind': changed(graph, 'attention', { causal: true }),
    'the base of blocks that slide': oneRope(graph),
    'the scale of the embedding': without(graph, ({ op }) => op === 'scale'),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms behind attention': without(graph, (_, weight) => weight.includes('post_attention_norm')),
    'the final norm': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight === 'output_norm.weight'),
    GELU: changed(graph, 'gated', { activation: 'silu' }),
  }),
});
