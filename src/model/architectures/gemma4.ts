import type { GraphBuilder } from '../../graph/build.ts';
import type { Graph, ValueId } from '../../graph/types.ts';
import { readInteger } from '../config-fields.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import { causalModel, sandwiched } from '../parts/causalModel.ts';
import { experts } from '../parts/experts.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { layerInputs, withLayerInput } from '../parts/layerInputs.ts';
import { attendTo, type Kept, keysAndValues, type SharedAttentionPart } from '../parts/sharedAttention.ts';
import { ropePart } from '../rope.ts';
import type { ModelConfig } from '../types.ts';
import { gemma4Fields, gemma4FromGguf, gemma4FromHuggingFace, gemma4Keys } from './gemma4Config.ts';
import type { Architecture, TensorName } from './types.ts';

const inBlock = (name: string): string => `model.layers.{layer}.${name}`;
const half = (index: number): TensorName => ({
  huggingFace: [{ name: inBlock('experts.gate_up_proj'), part: { index, of: 2 } }],
  gguf: [{ name: 'blk.{layer}.ffn_gate_up_exps.weight', part: { index, of: 2 } }],
});

/** How a block attends: sliding ones have heads and a RoPE of their own. */
function attentionOf(config: ModelConfig): (layer: number) => SharedAttentionPart {
  const { window, slidingHeads, blocks } = config;
  const [full, sliding] = [config.rope, config.slidingRope!].map(ropePart);
  return (layer) => {
    const slides = window!.layers[layer];
    const { kvHeads, headDim } = slides ? slidingHeads! : config;
    return {
      ...config,
      ...{ layer, kvHeads, headDim, scale: 1, rope: slides ? sliding : full },
      window: slides ? window!.tokens : undefined,
      keysAreValues: !slides && blocks!.keysAreValues === true,
    };
  };
}

/** The block whose keys and values a block reads: its own, or the last of its kind that has some. */
function keptBy({ layers, window, blocks }: ModelConfig, layer: number): number {
  const own = layers - (blocks!.sharing ?? 0);
  if (layer < own) return layer;
  return window!.layers.slice(0, own).lastIndexOf(window!.layers[layer]);
}

/** The feed-forward part: dense, or dense and experts side by side, each with norms of its own. */
function feedForward(build: GraphBuilder, x: ValueId, config: ModelConfig, layer: number): ValueId {
  const { hidden, normEpsilon: epsilon, blocks } = config;
  const norm = (rows: ValueId, name: string): ValueId =>
    build.node('rmsNorm', [rows, build.weight(`blk.${layer}.${name}`, [hidden])], { epsilon });
  const width = blocks!.feedForward?.[layer] ?? config.feedForward;
  const part = { layer, hidden, feedForward: width, activation: 'gelu' } as const;
  const dense = gatedMlp(build, norm(x, 'ffn_norm.weight'), part);
  if (config.experts === undefined) return dense;
  const looked = build.node('scale', [norm(x, 'ffn_gate_inp.scale')], { factor: 1 / Math.sqrt(hidden) });
  const mixture = { ...config.experts, layer, hidden, activation: 'gelu' } as const;
  const routed = experts(build, norm(x, 'pre_ffw_norm_2.weight'), mixture, looked);
  return build.node('add', [norm(dense, 'post_ffw_norm_1.weight'), norm(routed, 'post_ffw_norm_2.weight')]);
}

function graph(config: ModelConfig): Graph {
  const { hidden, normEpsilon: epsilon, blocks } = config;
  const attention = attentionOf(config);
  const kept = new Map<number, Kept>();
  const width = blocks!.inputs;
  let inputs: ValueId | undefined;
  const embed = (build: GraphBuilder, rows: ValueId): ValueId => {
    if (width !== undefined) inputs = layerInputs(build, rows, { ...config, width });
    return rows;
  };
  const part = { ...config, scales: { embedding: Math.sqrt(hidden) }, embed };
  return causalModel(part, (build, x, layer) => {
    const norms = { ...config, layer, before: 'attn_norm', after: 'post_attention_norm' };
    const mid = sandwiched(build, x, norms, (normed) => {
      const own = keptBy(config, layer);
      if (own === layer) kept.set(layer, keysAndValues(build, normed, attention(layer)));
      return attendTo(build, normed, kept.get(own)!, attention(layer));
    });
    const gain = build.weight(`blk.${layer}.post_ffw_norm.weight`, [hidden]);
    const made = build.node('rmsNorm', [feedForward(build, mid, config, layer), gain], { epsilon });
    let y = build.node('add', [made, mid]);
    if (inputs !== undefined) y = withLayerInput(build, y, inputs, { ...config, layer, width: width! });
    if (!blocks!.outputScale) return y;
    return build.node('scaleColumns', [y, build.weight(`blk.${layer}.layer_output_scale.weight`, [1])]);
  });
}

/** Gemma 4: two sizes of heads, keys and values that later blocks share, inputs of every block's own, experts beside a dense part. */
export const gemma4: Architecture = {
  name: 'gemma4',
  huggingFace: [
    {
      modelType: 'gemma4_text',
      names: ['Gemma4ForCausalLM', 'Gemma4ForConditionalGeneration', 'Gemma4TextModel'],
      defaults: { contextLength: 131072, kvHeads: 4, headDim: 512, ropeBase: 1e6 },
      activations: ['gelu_pytorch_tanh'],
      canonical: gemma4Fields,
      read: (fields, config, subject) => ({
        ...gemma4FromHuggingFace(fields, config, subject),
        ...(fields['enable_moe_block'] === true && {
          experts: {
            ...expertsFromHuggingFace(
              { ...fields, num_experts_per_tok: readInteger(fields, 'top_k_experts', subject) },
              config,
              subject,
            ),
            ...{ normalize: true, outputScales: true },
          },
        }),
      }),
    },
  ],
  ropeStyle: 'halves',
  ropeFactors: 'frequencies',
  slidesInLlamaCpp: true,
  sizesByBlock: true,
  ropeBase: 1e6,
  // Blocks that share others' keys and values may still carry their own.
  unread: /self_attn\.(?:[kv]_proj|[kv]_norm)\.weight$|attn_(?:k|v|k_norm)\.weight$/,
  names: {
    ...commonNames,
    post_attention_norm: inBlock('post_attention_layernorm.weight'),
    ffn_norm: inBlock('pre_feedforward_layernorm.weight'),
    post_ffw_norm: inBlock('post_feedforward_layernorm.weight'),
    post_ffw_norm_1: inBlock('post_feedforward_layernorm_1.weight'),
    post_ffw_norm_2: inBlock('post_feedforward_layernorm_2.weight'),
    pre_ffw_norm_2: inBlock('pre_feedforward_layernorm_2.weight'),
    layer_output_scale: inBlock('layer_scalar'),
    per_layer_token_embd: 'model.embed_tokens_per_layer.weight',
    per_layer_model_proj: { huggingFace: 'model.per_layer_model_projection.weight', exact: true },
    per_layer_proj_norm: 'model.per_layer_projection_norm.weight',
    inp_gate: inBlock('per_layer_input_gate.weight'),
    proj: inBlock('per_layer_projection.weight'),
    post_norm: inBlock('post_per_layer_input_norm.weight'),
    ffn_gate_inp: { huggingFace: inBlock('router.proj.weight'), exact: true },
    'ffn_gate_inp.scale': inBlock('router.scale'),
    ffn_gate_exps: half(0),
    ffn_up_exps: half(1),
    ffn_down_exps: inBlock('experts.down_proj'),
    'ffn_down_exps.scale': inBlock('router.per_expert_scale'),
  },
  graph,
  readGguf: (keys, config, tensors) => {
    const traits = { normalize: true, outputScales: tensors.has('blk.0.ffn_down_exps.scale') };
    return { ...gemma4FromGguf(keys, config, tensors), experts: expertsFromGguf(keys, config, traits) };
  },
  metadata: function* (config) {
    yield* gemma4Keys(config);
    yield* expertsMetadata(config);
  },
};
