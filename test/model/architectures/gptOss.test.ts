import { rewrite } from '../../../src/graph/rewrite.ts';
import type { Graph } from '../../../src/graph/types.ts';
import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'gpt-oss',
  huggingFace: 'GptOssForCausalLM',
  fields: configs.GptOssForCausalLM,
  variants: (graph) => ({
    sinks: withoutSinks(graph),
    windows: changed(graph, 'attention', { window: null }),
    'biases of attention': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('attn')),
    'biases of routers': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('ffn_gate_inp')),
    'biases of experts': without(graph, ({ op }) => op === 'groupedBias'),
    'the clamped gate': changed(graph, 'gated', { activation: 'silu' }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
  }),
});

function withoutSinks(graph: Graph): Graph {
  return rewrite(graph, ({ op, attributes }, inputs, build) =>
    op === 'attention' ? build.nodes(op, inputs.slice(0, 3), attributes) : undefined,
  );
}
