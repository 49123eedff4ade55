import type { Model, ModelTensor } from '../../../src/model/types.ts';
import { changed, oneRope, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';
import { testEncoder } from '../../support/encoder.ts';
import { syntheticModel } from '../../support/synthetic.ts';

/**
 * Feed-forward parts as small beside the residual stream as training makes them: llama.cpp looks GELU up in a table of F16, which
 * moves vectors by the square of its error.
 */
function withSmallBranches(model: Model): Model {
  const scaled = (tensor: ModelTensor): ModelTensor => {
    const { loadBlocks: _, ...rest } = tensor;
    return { ...rest, load: async (start, end) => (await tensor.load(start, end)).map((value) => value / 8) };
  };
  const entries = [...model.tensors].map(([name, tensor]): [string, ModelTensor] => [
    name,
    tensor.role === 'ffn_down' ? scaled(tensor) : tensor,
  ]);
  return { ...model, tensors: new Map(entries) };
}

testEncoder({
  name: 'modern-bert',
  huggingFace: 'ModernBertModel',
  fields: configs.ModernBertModel,
  open: async () => withSmallBranches(await syntheticModel('ModernBertModel', configs.ModernBertModel)),
  // llama.cpp takes its form with tanh.
  inLlamaCpp: (graph) => changed(graph, 'gated', { activation: 'gelu' }),
  variants: (graph) => ({
    windows: changed(graph, 'attention', { window: null }),
    'what lies behind in windows': changed(graph, 'attention', { causal: true }),
    'the base of blocks that slide': oneRope(graph),
    'means that norms take away': without(graph, ({ op }) => op === 'center'),
    'the norm of the embedding': without(
      graph,
      ({ op }, weight) => op === 'rmsNorm' && weight.includes('token_embd_norm'),
    ),
    'the final norm': without(graph, ({ op }, weight) => op === 'rmsNorm' && weight === 'output_norm.weight'),
    GELU: changed(graph, 'gated', { activation: 'silu' }),
  }),
});
