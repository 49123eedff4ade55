import { commonNames } from '../names.ts';
import type { TensorName, TensorNames } from './types.ts';

const permuted = (name: string, permutedHeads: TensorName['permutedHeads']): TensorName => ({
  huggingFace: `model.layers.{layer}.self_attn.${name}`,
  permutedHeads,
});

/** Names where RoPE turns pairs (2i, 2i + 1) in GGUF and halves in Hugging Face: rows of q and k change places. */
export const interleavedNames: TensorNames = {
  ...commonNames,
  attn_q: permuted('q_proj.weight', 'heads'),
  attn_k: permuted('k_proj.weight', 'kvHeads'),
  'attn_q.bias': permuted('q_proj.bias', 'heads'),
  'attn_k.bias': permuted('k_proj.bias', 'kvHeads'),
};
