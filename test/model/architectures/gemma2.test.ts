import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'gemma2',
  huggingFace: 'Gemma2ForCausalLM',
  fields: configs.Gemma2ForCausalLM,
  variants: (graph) => ({
    windows: changed(graph, 'attention', { window: null }),
    'the cap of scores': changed(graph, 'attention', { softcap: null }),
    'the cap of logits': without(graph, ({ op }) => op === 'activate'),
    'the scale of attention': changed(graph, 'attention', { scale: 1 }),
    'norms behind attention': without(graph, (_, weight) => weight.includes('post_attention_norm')),
    'norms behind feed-forward': without(graph, (_, weight) => weight.includes('post_ffw_norm')),
    GELU: changed(graph, 'gated', { activation: 'silu' }),
  }),
});
