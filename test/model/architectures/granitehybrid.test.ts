import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

const variants = (graph: Parameters<typeof without>[0]) => ({
  convolutions: without(graph, ({ op }) => op === 'shortConv'),
  'what passes by the state': without(graph, ({ op }, weight) => op === 'scaleColumns' && weight.includes('ssm_d')),
  'gains of groups': without(graph, ({ op }, weight) => op === 'scaleColumns' && weight.includes('ssm_norm')),
  'the scale of attention': changed(graph, 'attention', { scale: 1 }),
  'factors on embeddings, branches and logits': without(graph, ({ op }) => op === 'scale'),
});

testArchitecture({
  name: 'granitehybrid',
  huggingFace: 'GraniteMoeHybridForCausalLM',
  fields: configs.GraniteMoeHybridForCausalLM,
  variants: (graph) => ({
    ...variants(graph),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
  }),
});

testArchitecture({
  name: 'granitehybrid without experts, with positions',
  huggingFace: 'GraniteMoeHybridForCausalLM',
  fields: {
    ...configs.GraniteMoeHybridForCausalLM,
    ...{ num_local_experts: 0, shared_intermediate_size: 96, position_embedding_type: 'rope', mamba_n_groups: 2 },
  },
  variants: (graph) => ({ ...variants(graph), positions: without(graph, ({ op }) => op === 'rope') }),
});
