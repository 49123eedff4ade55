/**
 * Fields of config.json, in Hugging Face's names, of tiny models: beside those of `syntheticConfig`, by class of
 * Transformers. Windows are shorter than 64 tokens, so that what is compared goes beyond them.
 */
export const configs = {
  LlamaForCausalLM: {},
  MistralForCausalLM: { head_dim: 24 },
  Qwen2ForCausalLM: { tie_word_embeddings: true },
  Qwen3ForCausalLM: { head_dim: 32, rope_theta: 1000000, tie_word_embeddings: true },
  Gemma3ForCausalLM: {
    hidden_activation: 'gelu_pytorch_tanh',
    hidden_act: undefined,
    head_dim: 32,
    num_hidden_layers: 7,
    num_key_value_heads: 1,
    sliding_window: 16,
    query_pre_attn_scalar: 32,
    rope_theta: 1000000,
    tie_word_embeddings: true,
  },
  Qwen2MoeForCausalLM: {
    num_experts: 6,
    num_experts_per_tok: 2,
    moe_intermediate_size: 64,
    shared_expert_intermediate_size: 64,
    norm_topk_prob: false,
  },
  Lfm2ForCausalLM: {
    hidden_size: 128,
    num_hidden_layers: 4,
    layer_types: ['conv', 'conv', 'full_attention', 'conv'],
    conv_L_cache: 3,
    block_multiple_of: 32,
    block_ffn_dim_multiplier: 1.3,
    tie_word_embeddings: true,
  },
  Qwen3_5ForCausalLM: {
    hidden_size: 128,
    num_hidden_layers: 3,
    head_dim: 32,
    layer_types: ['linear_attention', 'full_attention', 'linear_attention'],
    linear_key_head_dim: 32,
    linear_value_head_dim: 32,
    linear_num_key_heads: 2,
    linear_num_value_heads: 4,
    rope_parameters: { rope_theta: 10000, partial_rotary_factor: 0.25, mrope_section: [2, 1, 1] },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, unknown>>>>;
