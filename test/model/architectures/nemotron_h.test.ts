import { rewrite } from '../../../src/graph/rewrite.ts';
import type { Graph } from '../../../src/graph/types.ts';
import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'nemotron_h',
  huggingFace: 'NemotronHForCausalLM',
  fields: configs.NemotronHForCausalLM,
  variants: (graph) => ({
    convolutions: without(graph, ({ op }) => op === 'shortConv'),
    'biases of convolutions': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('ssm_conv1d')),
    'biases of time steps': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('ssm_dt')),
    'rates of forgetting': without(graph, ({ op }, weight) => op === 'scaleColumns' && weight.includes('ssm_a')),
    'what passes by the state': without(graph, ({ op }, weight) => op === 'scaleColumns' && weight.includes('ssm_d')),
    'norms in groups': oneGroup(graph),
    'gains of groups': without(graph, ({ op }, weight) => op === 'scaleColumns' && weight.includes('ssm_norm')),
    'relu²': changed(graph, 'activate', { activation: 'silu' }),
  }),
});

/** Norms of whole rows in the place of groups. */
function oneGroup(graph: Graph): Graph {
  return rewrite(graph, (node, inputs, build) => {
    const gain = node.op === 'rmsNorm' ? graph.values[node.inputs[1]!] : undefined;
    if (gain?.source !== 'constant') return undefined;
    const ones = build.constant({ kind: 'fill', value: 1 }, [build.typeOf(inputs[0]!).shape[1] as number]);
    return build.nodes('rmsNorm', [inputs[0], ones], node.attributes);
  });
}
