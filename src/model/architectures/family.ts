import type { Graph } from '../../graph/types.ts';
import type { TensorSpec } from '../architecture.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { ropeFrequencies } from '../rope.ts';
import type { BiasedLayer, ModelConfig, TensorRole } from '../types.ts';
import { windowOf } from '../window.ts';

/** How members of the llama family differ in their tensors. */
export interface FamilyTraits {
  /** q, k and v have biases. */
  readonly qkvBias?: boolean;
  /** q and k are normed per head before RoPE. */
  readonly qkNorm?: boolean;
  /** GGUF's q and k rows are permuted to interleaved RoPE. */
  readonly permuted?: boolean;
  /** `rope_freqs.weight` may be there. */
  readonly ropeFactors?: boolean;
}

/** Tensors of a pre-norm transformer with RMSNorm, RoPE, GQA and SwiGLU, in GGUF's order. */
export function familyTensors(config: ModelConfig, traits: FamilyTraits): TensorSpec[] {
  const { hidden, vocabulary, rope } = config;
  const specs: TensorSpec[] = [];
  const outer = (name: string, role: TensorRole, shape: number[], huggingFace?: string, optional = false): void => {
    specs.push({ name, role, layer: -1, shape, huggingFace, optional });
  };
  if (traits.ropeFactors) outer('rope_freqs.weight', 'rope_freqs', [rope.dimensions / 2], undefined, true);
  outer('token_embd.weight', 'token_embd', [vocabulary, hidden], 'model.embed_tokens.weight');
  for (let layer = 0; layer < config.layers; layer++) specs.push(...blockTensors(config, traits, layer));
  outer('output_norm.weight', 'output_norm', [hidden], 'model.norm.weight');
  if (!config.tied) outer('output.weight', 'output', [vocabulary, hidden], 'lm_head.weight');
  return specs;
}

function blockTensors(config: ModelConfig, traits: FamilyTraits, layer: number): TensorSpec[] {
  const { hidden, feedForward, heads, kvHeads, headDim } = config;
  const [qRows, kvRows] = [heads * headDim, kvHeads * headDim];
  const biases = biasesOf(config, traits);
  const specs: TensorSpec[] = [];
  const add = (name: string, role: TensorRole, shape: number[], huggingFace: string, permutedHeads?: number): void => {
    specs.push({
      name: `blk.${layer}.${name}`,
      role,
      layer,
      shape,
      huggingFace: `model.layers.${layer}.${huggingFace}`,
      permutedHeads: traits.permuted ? permutedHeads : undefined,
    });
  };
  const bias = (layer: BiasedLayer, rows: number, huggingFace: string, permutedHeads?: number): void => {
    if (biases.includes(layer)) add(`${layer}.bias`, `${layer}_bias`, [rows], `${huggingFace}.bias`, permutedHeads);
  };
  add('attn_norm.weight', 'attn_norm', [hidden], 'input_layernorm.weight');
  add('attn_q.weight', 'attn_q', [qRows, hidden], 'self_attn.q_proj.weight', heads);
  add('attn_k.weight', 'attn_k', [kvRows, hidden], 'self_attn.k_proj.weight', kvHeads);
  add('attn_v.weight', 'attn_v', [kvRows, hidden], 'self_attn.v_proj.weight');
  bias('attn_q', qRows, 'self_attn.q_proj', heads);
  bias('attn_k', kvRows, 'self_attn.k_proj', kvHeads);
  bias('attn_v', kvRows, 'self_attn.v_proj');
  if (traits.qkNorm) {
    add('attn_q_norm.weight', 'attn_q_norm', [headDim], 'self_attn.q_norm.weight');
    add('attn_k_norm.weight', 'attn_k_norm', [headDim], 'self_attn.k_norm.weight');
  }
  add('attn_output.weight', 'attn_output', [hidden, qRows], 'self_attn.o_proj.weight');
  bias('attn_output', hidden, 'self_attn.o_proj');
  add('ffn_norm.weight', 'ffn_norm', [hidden], 'post_attention_layernorm.weight');
  add('ffn_gate.weight', 'ffn_gate', [feedForward, hidden], 'mlp.gate_proj.weight');
  add('ffn_up.weight', 'ffn_up', [feedForward, hidden], 'mlp.up_proj.weight');
  add('ffn_down.weight', 'ffn_down', [hidden, feedForward], 'mlp.down_proj.weight');
  bias('ffn_gate', feedForward, 'mlp.gate_proj');
  bias('ffn_up', feedForward, 'mlp.up_proj');
  bias('ffn_down', hidden, 'mlp.down_proj');
  return specs;
}

/** Layers with biases: those that the architecture always has, and those of this model. */
function biasesOf({ biases = [] }: ModelConfig, traits: FamilyTraits): readonly BiasedLayer[] {
  return traits.qkvBias ? ['attn_q', 'attn_k', 'attn_v', ...biases] : biases;
}

/** A pre-norm transformer: x += attention(norm(x)), then x += mlp(norm(x)), in every block. */
export function familyGraph(config: ModelConfig, traits: FamilyTraits): Graph {
  const { hidden, normEpsilon: epsilon, rope } = config;
  const { frequencies, magnitude } = ropeFrequencies(rope);
  const attention = {
    ...config,
    rope: { dimensions: rope.dimensions, style: rope.style, frequencies: Array.from(frequencies), magnitude },
    biases: biasesOf(config, traits),
    qkNorm: traits.qkNorm,
  };
  return causalModel(config, (build, x, layer) => {
    const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
    const mid = preNormed(build, x, norm('attn_norm'), (normed) =>
      selfAttention(build, normed, { ...attention, layer, window: windowOf(config, layer) }),
    );
    return preNormed(build, mid, norm('ffn_norm'), (normed) =>
      gatedMlp(build, normed, { ...config, biases: attention.biases, layer, activation: 'silu' }),
    );
  });
}
