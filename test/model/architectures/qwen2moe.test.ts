import type { Graph } from '../../../src/graph/types.ts';
import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'qwen2moe',
  huggingFace: 'Qwen2MoeForCausalLM',
  fields: configs.Qwen2MoeForCausalLM,
  variants: (graph) => ({
    biases: without(graph, ({ op }) => op === 'addBias'),
    'weights that do not sum to 1': changed(graph, 'route', { normalize: true }),
    'the gate of the shared expert': without(graph, ({ op }) => op === 'scaleRows'),
    'routed experts': withoutRouted(graph),
  }),
});

/** Shared experts alone. */
function withoutRouted(graph: Graph): Graph {
  const combined = new Set(graph.nodes.filter(({ op }) => op === 'combine').map(({ outputs }) => outputs[0]));
  return without(graph, ({ op, inputs }) => op === 'add' && combined.has(inputs[1]!));
}
