import type { Graph } from '../../../src/graph/types.ts';
import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'granite',
  huggingFace: 'GraniteForCausalLM',
  fields: configs.GraniteForCausalLM,
  variants: (graph) => ({
    ...withoutFactors(graph),
    biases: without(graph, ({ op }) => op === 'addBias'),
  }),
});

testArchitecture({
  name: 'granitemoe',
  huggingFace: 'GraniteMoeForCausalLM',
  fields: configs.GraniteMoeForCausalLM,
  variants: (graph) => ({
    ...withoutFactors(graph),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
  }),
});

testArchitecture({
  name: 'granitemoeshared',
  huggingFace: 'GraniteMoeSharedForCausalLM',
  fields: configs.GraniteMoeSharedForCausalLM,
  variants: (graph) => ({
    ...withoutFactors(graph),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
    'the shared expert': withoutShared(graph),
  }),
});

/** Without any one of the four factors that all have. */
function withoutFactors(graph: Graph): Readonly<Record<string, Graph>> {
  return {
    'the factor of embeddings': withoutScale(graph, 3),
    'the factor of branches': withoutScale(graph, 0.4),
    'the factor of scores': changed(graph, 'attention', { scale: null }),
    'the factor of logits': withoutScale(graph, 0.25),
  };
}

/** Without the scalings by one factor. */
function withoutScale(graph: Graph, factor: number): Graph {
  return without(graph, ({ op, attributes }) => op === 'scale' && Math.abs(Number(attributes.factor) - factor) < 1e-6);
}

/** Routed experts alone. */
function withoutShared(graph: Graph): Graph {
  return without(graph, ({ op }, weight) => op === 'linear' && weight.includes('ffn_up_shexp'));
}
