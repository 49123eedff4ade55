import type { TensorSpec } from '../architecture.ts';
import type { ModelConfig, TensorRole } from '../types.ts';

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

/** How a tensor of a block differs from what most are. */
interface Particulars {
  /** Heads whose rows may stand in another order. */
  readonly heads?: number;
  readonly optional?: boolean;
}

function blockTensors(config: ModelConfig, traits: FamilyTraits, layer: number): TensorSpec[] {
  const { hidden, feedForward, heads, kvHeads, headDim, attentionBias, feedForwardBias } = config;
  const [qRows, kvRows] = [heads * headDim, kvHeads * headDim];
  const specs: TensorSpec[] = [];
  const add = (name: string, role: TensorRole, shape: number[], hfName: string, more: Particulars = {}): void => {
    specs.push({
      name: `blk.${layer}.${name}`,
      role,
      layer,
      shape,
      huggingFace: `model.layers.${layer}.${hfName}`,
      permutedHeads: traits.permuted ? more.heads : undefined,
      optional: more.optional,
    });
  };
  // Biases that config.json asks for count as zero where a checkpoint lacks them.
  const optional = !traits.qkvBias;
  add('attn_norm.weight', 'attn_norm', [hidden], 'input_layernorm.weight');
  add('attn_q.weight', 'attn_q', [qRows, hidden], 'self_attn.q_proj.weight', { heads });
  add('attn_k.weight', 'attn_k', [kvRows, hidden], 'self_attn.k_proj.weight', { heads: kvHeads });
  add('attn_v.weight', 'attn_v', [kvRows, hidden], 'self_attn.v_proj.weight');
  if (traits.qkvBias || attentionBias) {
    add('attn_q.bias', 'attn_q_bias', [qRows], 'self_attn.q_proj.bias', { heads, optional });
    add('attn_k.bias', 'attn_k_bias', [kvRows], 'self_attn.k_proj.bias', { heads: kvHeads, optional });
    add('attn_v.bias', 'attn_v_bias', [kvRows], 'self_attn.v_proj.bias', { optional });
  }
  if (traits.qkNorm) {
    add('attn_q_norm.weight', 'attn_q_norm', [headDim], 'self_attn.q_norm.weight');
    add('attn_k_norm.weight', 'attn_k_norm', [headDim], 'self_attn.k_norm.weight');
  }
  add('attn_output.weight', 'attn_output', [hidden, qRows], 'self_attn.o_proj.weight');
  if (attentionBias) add('attn_output.bias', 'attn_output_bias', [hidden], 'self_attn.o_proj.bias', { optional });
  add('ffn_norm.weight', 'ffn_norm', [hidden], 'post_attention_layernorm.weight');
  add('ffn_gate.weight', 'ffn_gate', [feedForward, hidden], 'mlp.gate_proj.weight');
  add('ffn_up.weight', 'ffn_up', [feedForward, hidden], 'mlp.up_proj.weight');
  add('ffn_down.weight', 'ffn_down', [hidden, feedForward], 'mlp.down_proj.weight');
  if (feedForwardBias) {
    add('ffn_gate.bias', 'ffn_gate_bias', [feedForward], 'mlp.gate_proj.bias', { optional });
    add('ffn_up.bias', 'ffn_up_bias', [feedForward], 'mlp.up_proj.bias', { optional });
    add('ffn_down.bias', 'ffn_down_bias', [hidden], 'mlp.down_proj.bias', { optional });
  }
  return specs;
}
