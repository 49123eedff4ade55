import { changed, without, zeroed } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { testEncoder } from '../../support/encoder.ts';

testEncoder({
  name: 'bert',
  huggingFace: 'BertModel',
  fields: configs.BertModel,
  // llama.cpp takes its form with tanh.
  inLlamaCpp: (graph) => changed(graph, 'activate', { activation: 'gelu' }),
  variants: (graph) => ({
    'learned positions': zeroed(graph, 'position_embd.weight'),
    'the first token type': zeroed(graph, 'token_types.weight'),
    'tokens that see those behind them': changed(graph, 'attention', { causal: true }),
    'means that norms take away': without(graph, ({ op }) => op === 'center'),
    'biases of norms': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('norm')),
    'biases of attention': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('attn_v')),
    'the norm of the embedding': without(
      graph,
      ({ op }, weight) => op === 'rmsNorm' && weight.includes('token_embd_norm'),
    ),
    GELU: changed(graph, 'activate', { activation: 'relu' }),
  }),
});
