import { weightsOf } from '../graph/segments.ts';
import type { Graph } from '../graph/types.ts';
import type { TensorName, TensorNames, TensorSource, TensorSpec } from './architectures/types.ts';
import type { ModelConfig } from './types.ts';

/** Names that nearly every decoder has. */
export const commonNames: TensorNames = {
  token_embd: 'model.embed_tokens.weight',
  output_norm: 'model.norm.weight',
  output: 'lm_head.weight',
  attn_norm: 'model.layers.{layer}.input_layernorm.weight',
  attn_q: 'model.layers.{layer}.self_attn.q_proj.weight',
  attn_k: 'model.layers.{layer}.self_attn.k_proj.weight',
  attn_v: 'model.layers.{layer}.self_attn.v_proj.weight',
  'attn_q.bias': 'model.layers.{layer}.self_attn.q_proj.bias',
  'attn_k.bias': 'model.layers.{layer}.self_attn.k_proj.bias',
  'attn_v.bias': 'model.layers.{layer}.self_attn.v_proj.bias',
  attn_q_norm: 'model.layers.{layer}.self_attn.q_norm.weight',
  attn_k_norm: 'model.layers.{layer}.self_attn.k_norm.weight',
  attn_output: 'model.layers.{layer}.self_attn.o_proj.weight',
  'attn_output.bias': 'model.layers.{layer}.self_attn.o_proj.bias',
  ffn_norm: 'model.layers.{layer}.post_attention_layernorm.weight',
  ffn_gate: 'model.layers.{layer}.mlp.gate_proj.weight',
  ffn_up: 'model.layers.{layer}.mlp.up_proj.weight',
  ffn_down: 'model.layers.{layer}.mlp.down_proj.weight',
  'ffn_gate.bias': 'model.layers.{layer}.mlp.gate_proj.bias',
  'ffn_up.bias': 'model.layers.{layer}.mlp.up_proj.bias',
  'ffn_down.bias': 'model.layers.{layer}.mlp.down_proj.bias',
};

/** Every tensor that a network reads, in the order of first use. @throws RangeError for a weight without a name */
export function tensorSpecs(graph: Graph, names: TensorNames, config: ModelConfig): TensorSpec[] {
  const stacked = stackedTensors(graph);
  return weightsOf(graph).map((tensor) => {
    const [, layer, key] = /^(?:blk\.(\d+)\.)?(.+?)(?:\.weight)?$/.exec(tensor)!;
    const given = names[key];
    if (given === undefined) throw new RangeError(`weight ${tensor} has no name in its architecture`);
    const name: TensorName = typeof given === 'string' ? { huggingFace: given } : given;
    const { huggingFace = [], gguf = [] } = name;
    return {
      name: tensor,
      role: key.replace('.', '_'),
      layer: layer === undefined ? -1 : Number(layer),
      shape: shapeOf(graph, tensor),
      huggingFace: sourcesOf(typeof huggingFace === 'string' ? [huggingFace] : huggingFace, layer),
      gguf: sourcesOf([...gguf, ...ofFusedProjections(key, config)], layer),
      experts: stacked.get(tensor),
      permutedHeads: name.permutedHeads && config[name.permutedHeads],
      transposed: name.transposed,
      conversion: name.convert?.(config),
      addend: name.addend,
      exact: name.exact,
      optional: name.optional,
    };
  });
}

/** Tensors in which matrices, or biases, of several experts or heads are stacked, and how many. */
function stackedTensors({ nodes, values }: Graph): Map<string, number> {
  const found = new Map<string, number>();
  for (const { op, inputs } of nodes) {
    if (op !== 'groupedLinear' && op !== 'groupedBias') continue;
    const [weight, offsets] = [values[inputs[1]!], values[inputs[2]!]];
    if (weight.source === 'weight') found.set(weight.tensor, (offsets.shape[0] as number) - 1);
  }
  return found;
}

/** Where q, k or v stand in GGUF files that have the rows of all three in one tensor. */
function ofFusedProjections(key: string, { heads, kvHeads }: ModelConfig): TensorSource[] {
  const [, kind, bias] = /^attn_([qkv])(\.bias)?$/.exec(key) ?? [];
  if (kind === undefined) return [];
  const own = kind === 'q' ? heads : kvHeads;
  const before = { q: 0, k: heads, v: heads + kvHeads }[kind as 'q' | 'k' | 'v'];
  const part = { index: before / own, of: (heads + 2 * kvHeads) / own };
  return [{ name: `blk.{layer}.attn_qkv${bias ?? '.weight'}`, part }];
}

function sourcesOf(sources: readonly (string | TensorSource)[], layer: string | undefined): TensorSource[] {
  return sources.map((source) => {
    const { name, ...rest } = typeof source === 'string' ? { name: source } : source;
    return { ...rest, name: name.replace('{layer}', layer ?? '') };
  });
}

function shapeOf({ values }: Graph, tensor: string): readonly number[] {
  const weight = values.find((value) => value.source === 'weight' && value.tensor === tensor)!;
  return weight.shape as readonly number[];
}
