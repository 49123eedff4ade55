import type { Graph } from '../../../src/graph/types.ts';
import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'lfm2',
  huggingFace: 'Lfm2ForCausalLM',
  fields: configs.Lfm2ForCausalLM,
  variants: (graph) => ({
    convolutions: without(graph, ({ op }) => op === 'shortConv'),
    'gates of convolutions': withoutGates(graph),
    'norms of queries': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_q_norm')),
    'norms of keys': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight.includes('attn_k_norm')),
    positions: without(graph, ({ op }) => op === 'rope'),
    'SiLU gates': changed(graph, 'gated', { activation: 'gelu' }),
  }),
});

/** What the convolutions see as it is. */
function withoutGates(graph: Graph): Graph {
  const opened = new Set(graph.nodes.filter(({ op }) => op === 'shortConv').map(({ inputs }) => inputs[0]));
  return without(graph, ({ op, outputs }) => op === 'multiply' && opened.has(outputs[0]));
}
