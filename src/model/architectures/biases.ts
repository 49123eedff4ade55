import type { BiasedLayer } from '../types.ts';

export const attentionLayers = ['attn_q', 'attn_k', 'attn_v', 'attn_output'] as const satisfies readonly BiasedLayer[];
export const feedForwardLayers = ['ffn_gate', 'ffn_up', 'ffn_down'] as const satisfies readonly BiasedLayer[];
