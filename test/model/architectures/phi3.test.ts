import { changed, otherRope, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'phi3',
  huggingFace: 'Phi3ForCausalLM',
  fields: configs.Phi3ForCausalLM,
  variants: (graph) => ({
    'the factors of long contexts': otherRope(graph, (recipe) => ({ ...recipe, long: undefined })),
    'the magnitude of cos and sin': otherRope(graph, (recipe) => ({ ...recipe, magnitude: 1 })),
    'SiLU gates': changed(graph, 'gated', { activation: 'gelu' }),
    positions: without(graph, ({ op }) => op === 'rope'),
  }),
});
