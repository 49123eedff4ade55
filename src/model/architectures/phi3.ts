import { commonNames } from '../names.ts';
import { familyGraph } from './family.ts';
import type { Architecture } from './types.ts';

/** Phi-3, 3.5, Phi-4 and its small siblings: one matrix for q, k and v, one for gate and up, LongRoPE on a part of each head. */
export const phi3: Architecture = {
  name: 'phi3',
  huggingFace: [
    {
      modelType: 'phi3',
      names: ['Phi3ForCausalLM', 'Phi3Model'],
      defaults: { contextLength: 4096, normEpsilon: 1e-5 },
      // Longer contexts than this one are stretched.
      canonical: (fields) => ({
        original_max_position_embeddings:
          fields['original_max_position_embeddings'] ?? (fields['rope_scaling'] == null ? undefined : 4096),
      }),
      window: ({ sliding_window: tokens }, layers) =>
        typeof tokens === 'number' ? { tokens, layers: new Array(layers).fill(true) } : undefined,
    },
  ],
  ropeStyle: 'halves',
  ropeFactors: 'longAndShort',
  names: {
    ...commonNames,
    attn_qkv: 'model.layers.{layer}.self_attn.qkv_proj.weight',
    ffn_up: 'model.layers.{layer}.mlp.gate_up_proj.weight',
  },
  graph: (config) => familyGraph(config, { fused: { attention: true, mlp: true } }),
  metadata: function* ({ window, rope: { scaling }, contextLength }) {
    // llama.cpp takes an absent window for another model of the family, and 0 for none.
    yield ['attention.sliding_window', { type: 'uint32', value: window?.tokens ?? 0 }];
    if (scaling?.type !== 'longrope')
      yield ['rope.scaling.original_context_length', { type: 'uint32', value: contextLength }];
  },
};
