import { changed, testArchitecture } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'mixtral',
  huggingFace: 'MixtralForCausalLM',
  fields: configs.MixtralForCausalLM,
  // Larger steps change which experts some tokens get.
  step: 1e-4,
  variants: (graph) => ({
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
    experts: changed(graph, 'route', { scale: 0 }),
    'neighbours as pairs': changed(graph, 'rope', { style: 'halves' }),
  }),
});
