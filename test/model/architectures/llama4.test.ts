import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'llama4',
  huggingFace: 'Llama4ForCausalLM',
  fields: configs.Llama4ForCausalLM,
  variants: (graph) => ({
    chunks: changed(graph, 'attention', { chunk: 16 }),
    RoPE: without(graph, ({ op }) => op === 'rope'),
    'norms of queries and keys': without(
      graph,
      ({ op, inputs }, weight) => op === 'rmsNorm' && weight === '' && inputs.length === 2,
    ),
    'weights on inputs': without(graph, ({ op, inputs }) => op === 'scaleRows' && inputs.length === 2),
    'sigmoids of routers': changed(graph, 'route', { gating: 'softmax', normalize: true }),
  }),
});
