import type { Graph } from '../../../src/graph/types.ts';
import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'glm4moe',
  huggingFace: 'Glm4MoeForCausalLM',
  fields: configs.Glm4MoeForCausalLM,
  variants: (graph) => ({
    biases: without(graph, ({ op }) => op === 'addBias'),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
    'sigmoids of routers': changed(graph, 'route', { gating: 'softmax' }),
    'the bias of the choice': withoutBias(graph),
    'the factor of routed experts': changed(graph, 'route', { scale: 1 }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
  }),
});

/** Experts chosen by their gates alone. */
function withoutBias(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => (node.op === 'route' ? { ...node, inputs: [node.inputs[0], null] } : node));
  return { ...graph, nodes };
}
