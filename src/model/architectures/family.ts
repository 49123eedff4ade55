import type { GraphBuilder } from '../../graph/build.ts';
import type { GateActivation, Graph, ValueId } from '../../graph/types.ts';
import { type AttentionPart, selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { experts } from '../parts/experts.ts';
import { gatedMlp, type MlpPart } from '../parts/gatedMlp.ts';
import { ropePart } from '../rope.ts';
import type { BiasedLayer, ModelConfig } from '../types.ts';
import { windowOf } from '../window.ts';

/** How members of the llama family differ. */
export interface FamilyTraits {
  /** Layers that have biases in every model of the architecture. */
  readonly biases?: readonly BiasedLayer[];
  readonly qkNorm?: AttentionPart['qkNorm'];
  /** Rows of q, k and v are one weight, and those of gate and up. */
  readonly fused?: { readonly attention?: boolean; readonly mlp?: boolean };
  /** Every head has a score that takes its share of a softmax and has no value; default no. */
  readonly sinks?: boolean;
  /** Of the feed-forward part; default `ffn_norm`. */
  readonly feedForwardNorm?: string;
  /** Default silu. */
  readonly activation?: GateActivation;
  /** The feed-forward part of blocks without experts, where it is not a gated one. */
  readonly mlp?: (build: GraphBuilder, normed: ValueId, part: MlpPart) => ValueId;
}

/** What a block needs to know beside its number. */
export function blockParts(config: ModelConfig, traits: FamilyTraits) {
  const { experts: mixture } = config;
  const [full, sliding] = [config.rope, config.slidingRope ?? config.rope].map(ropePart);
  const biases = [...(traits.biases ?? []), ...(config.biases ?? [])];
  const activation = traits.activation ?? 'silu';
  return {
    attention: (layer: number): AttentionPart => ({
      ...config,
      layer,
      biases,
      rope: config.ropeLayers?.[layer] === false ? undefined : config.window?.layers[layer] ? sliding : full,
      window: windowOf(config, layer),
      qkNorm: traits.qkNorm,
      sinks: traits.sinks,
      fused: traits.fused?.attention,
      scale: config.attentionScale,
      softcap: config.softcaps?.attention,
    }),
    /** The feed-forward part of a block: dense, or experts. */
    feedForward: (build: GraphBuilder, normed: ValueId, layer: number): ValueId => {
      if (mixture !== undefined && mixture.layers?.[layer] !== false)
        return experts(build, normed, { ...mixture, layer, hidden: config.hidden, activation });
      const part = { ...config, layer, biases, activation, fused: traits.fused?.mlp };
      return traits.mlp === undefined ? gatedMlp(build, normed, part) : traits.mlp(build, normed, part);
    },
  };
}

/** A pre-norm transformer: x += attention(norm(x)), then x += mlp(norm(x)), in every block. */
export function familyGraph(config: ModelConfig, traits: FamilyTraits = {}): Graph {
  const { hidden, normEpsilon: epsilon } = config;
  const { attention, feedForward } = blockParts(config, traits);
  return causalModel(config, (build, x, layer) => {
    const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
    const scaled = (branch: ValueId): ValueId => residual(build, branch, config);
    const mid = preNormed(build, x, norm('attn_norm'), (normed) =>
      scaled(selfAttention(build, normed, attention(layer))),
    );
    return preNormed(build, mid, norm(traits.feedForwardNorm ?? 'ffn_norm'), (normed) =>
      scaled(feedForward(build, normed, layer)),
    );
  });
}

/** A branch times the factor that a model puts on what it adds. */
function residual(build: GraphBuilder, branch: ValueId, { scales }: ModelConfig): ValueId {
  return scales?.residual === undefined ? branch : build.node('scale', [branch], { factor: scales.residual });
}
