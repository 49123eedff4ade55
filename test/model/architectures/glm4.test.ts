import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'glm4',
  huggingFace: 'Glm4ForCausalLM',
  fields: configs.Glm4ForCausalLM,
  variants: (graph) => ({
    biases: without(graph, ({ op }) => op === 'addBias'),
    'norms behind attention': without(graph, (_, weight) => weight.includes('post_attention_norm')),
    'norms behind feed-forward': without(graph, (_, weight) => weight.includes('post_ffw_norm')),
    'neighbours as pairs': changed(graph, 'rope', { style: 'halves' }),
    positions: without(graph, ({ op }) => op === 'rope'),
  }),
});
