import assert from 'node:assert/strict';
import { rewrite } from '../../../src/graph/rewrite.ts';
import type { Graph } from '../../../src/graph/types.ts';
import { changed, testArchitecture } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'smollm3',
  huggingFace: 'SmolLM3ForCausalLM',
  fields: configs.SmolLM3ForCausalLM,
  variants: (graph) => ({
    'blocks without positions': everywhere(graph),
    'neighbours as pairs': changed(graph, 'rope', { style: 'halves' }),
  }),
});

/** Keys of the blocks that do not look at positions turned by them too. */
function everywhere(graph: Graph): Graph {
  const turns = graph.nodes.filter(({ op }) => op === 'rope');
  const turned = new Set(turns.map(({ outputs }) => outputs[0]));
  const ofKeys = turns.find(({ attributes }) => attributes.heads === configs.SmolLM3ForCausalLM.num_key_value_heads)!;
  const table = graph.values[ofKeys.inputs[2]!];
  assert.ok(table.source === 'constant');
  return rewrite(graph, (node, [rows], build) => {
    if (node.op !== 'cache' || node.attributes.kind !== 'k' || turned.has(node.inputs[0]!)) return undefined;
    const positions = build.input('positions', 'i32', [{ of: 'tokens', times: 1 }]);
    const angles = build.constant(table.recipe, table.shape);
    return build.nodes('cache', [build.node('rope', [rows, positions, angles], ofKeys.attributes)], node.attributes);
  });
}
