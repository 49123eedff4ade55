import { otherRope, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'mistral3',
  huggingFace: 'Ministral3ForCausalLM',
  fields: configs.Ministral3ForCausalLM,
  variants: (graph) => ({
    'the temperature of queries': without(graph, ({ op }) => op === 'scaleRows'),
    'the frequencies of YaRN': otherRope(graph, (recipe) => ({
      ...recipe,
      frequencies: recipe.frequencies.map((_, i) => 10000 ** (-i / recipe.frequencies.length)),
    })),
    'a magnitude of 1': otherRope(graph, (recipe) => ({ ...recipe, magnitude: 1 + 0.1 * Math.log(16) })),
  }),
});
