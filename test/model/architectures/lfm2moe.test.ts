import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'lfm2moe',
  huggingFace: 'Lfm2MoeForCausalLM',
  fields: configs.Lfm2MoeForCausalLM,
  variants: (graph) => ({
    convolutions: without(graph, ({ op }) => op === 'shortConv'),
    'sigmoids of routers': changed(graph, 'route', { gating: 'softmax' }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
    positions: without(graph, ({ op }) => op === 'rope'),
  }),
});
