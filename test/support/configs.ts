/* Fields of config.json, in HF's names, of small models whose architectures have more of them than `syntheticConfig`. */

export const gemma3 = {
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_act: undefined,
  head_dim: 32,
  num_hidden_layers: 7,
  num_key_value_heads: 1,
  sliding_window: 16,
  query_pre_attn_scalar: 32,
  rope_theta: 1000000,
  tie_word_embeddings: true,
};

export const qwen2moe = {
  num_experts: 6,
  num_experts_per_tok: 2,
  moe_intermediate_size: 48,
  shared_expert_intermediate_size: 64,
  norm_topk_prob: false,
};
