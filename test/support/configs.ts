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

export const gpt2 = {
  n_embd: 64,
  n_head: 4,
  n_layer: 2,
  n_positions: 128,
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: true,
};

export const bert = {
  hidden_act: 'gelu',
  layer_norm_eps: 1e-12,
  num_key_value_heads: 4,
  type_vocab_size: 2,
};

export const nomicBert = {
  n_embd: 64,
  n_head: 4,
  n_layer: 2,
  n_inner: 96,
  n_positions: 128,
  activation_function: 'swiglu',
  layer_norm_epsilon: 1e-12,
  num_key_value_heads: 4,
  rotary_emb_base: 1000,
  type_vocab_size: 2,
};

export const modernBert = {
  hidden_act: undefined,
  hidden_activation: 'gelu',
  norm_eps: 1e-5,
  num_hidden_layers: 4,
  num_key_value_heads: 4,
  local_attention: 16,
  global_attn_every_n_layers: 3,
  global_rope_theta: 160000,
  local_rope_theta: 10000,
  rope_theta: undefined,
};

export const gemmaEmbedding = {
  ...gemma3,
  use_bidirectional_attention: true,
};
