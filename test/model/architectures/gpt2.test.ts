import { changed, testArchitecture, without, zeroed } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'gpt2',
  huggingFace: 'GPT2LMHeadModel',
  fields: configs.GPT2LMHeadModel,
  variants: (graph) => ({
    'learned positions': zeroed(graph, 'position_embd.weight'),
    'means that norms take away': without(graph, ({ op }) => op === 'center'),
    'biases of norms': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('norm')),
    'biases of attention': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('attn_qkv')),
    'biases of feed-forward': without(graph, ({ op }, weight) => op === 'addBias' && weight.includes('ffn_up')),
    GELU: changed(graph, 'activate', { activation: 'relu' }),
  }),
});
