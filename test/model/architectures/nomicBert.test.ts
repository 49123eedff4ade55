import { changed, without, zeroed } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { testEncoder } from '../../support/encoder.ts';

testEncoder({
  name: 'nomic-bert',
  huggingFace: 'NomicBertModel',
  fields: configs.NomicBertModel,
  variants: (graph) => ({
    RoPE: without(graph, ({ op }) => op === 'rope'),
    'the first token type': zeroed(graph, 'token_types.weight'),
    'tokens that see those behind them': changed(graph, 'attention', { causal: true }),
    'means that norms take away': without(graph, ({ op }) => op === 'center'),
    'biases of norms': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('norm')),
    'the form of the gate': changed(graph, 'gated', { activation: 'gelu' }),
  }),
});
