import type { Graph } from '../../graph/types.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { ropePart } from '../rope.ts';
import type { BiasedLayer, ModelConfig } from '../types.ts';
import { windowOf } from '../window.ts';

/** How members of the llama family differ. */
export interface FamilyTraits {
  /** q, k and v have biases. */
  readonly qkvBias?: boolean;
  /** q and k are normed per head before RoPE. */
  readonly qkNorm?: boolean;
}

/** Layers with biases: those that the architecture always has, and those of this model. */
function biasesOf({ biases = [] }: ModelConfig, traits: FamilyTraits): readonly BiasedLayer[] {
  return traits.qkvBias ? ['attn_q', 'attn_k', 'attn_v', ...biases] : biases;
}

/** A pre-norm transformer: x += attention(norm(x)), then x += mlp(norm(x)), in every block. */
export function familyGraph(config: ModelConfig, traits: FamilyTraits): Graph {
  const { hidden, normEpsilon: epsilon } = config;
  const attention = {
    ...config,
    rope: ropePart(config.rope),
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
