import { fileURLToPath } from 'node:url';
import type { TensorEntry, TensorFile } from '../../src/container/types.ts';
import { Random } from '../../src/core/random.ts';
import { tensorsOf } from '../../src/model/architecture.ts';
import type { TensorSource, TensorSpec } from '../../src/model/architectures/types.ts';
import { configFromHuggingFace } from '../../src/model/config-huggingface.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model } from '../../src/model/types.ts';
import type { Tokenizer } from '../../src/text/types.ts';

/** The model that the package carries. */
export const tinyPath = fileURLToPath(new URL('../../assets/tiny', import.meta.url));

let tokenizer: Promise<Tokenizer> | undefined;

/** Tokenizer of the embedded model, 4096 tokens. */
export function tinyTokenizer(): Promise<Tokenizer> {
  tokenizer ??= openModel(tinyPath).then(async (model) => {
    await model.close();
    return model.tokenizer;
  });
  return tokenizer;
}

/** config.json of a model small enough for the reference kernels; the fields are HF's. */
export function syntheticConfig(
  architecture: string,
  overrides: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    architectures: [architecture],
    hidden_act: 'silu',
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
    vocab_size: 4096,
    ...(architecture.startsWith('Qwen3') && { head_dim: 16 }),
    ...overrides,
  };
}

/** Random weights under HF's names for a config: F32, seeded, with biases and norms away from 0 and 1. */
export function syntheticFile(config: Record<string, unknown>, seed = 1): TensorFile {
  const number = (key: string): number => config[key] as number;
  const [hidden, forward, heads] = [number('hidden_size'), number('intermediate_size'), number('num_attention_heads')];
  const headDim = (config.head_dim as number | undefined) ?? hidden / heads;
  const [q, kv] = [heads * headDim, number('num_key_value_heads') * headDim];
  const kind = String((config.architectures as string[])[0]);
  if (!/^(Llama|Mistral|Qwen2|Qwen3)(?=For|Model)/.test(kind)) return declaredFile(config, seed);
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [number('vocab_size'), hidden]]];
  for (let layer = 0; layer < number('num_hidden_layers'); layer++) {
    const add = (name: string, ...shape: number[]): void => void shapes.push([`model.layers.${layer}.${name}`, shape]);
    add('input_layernorm.weight', hidden);
    add('self_attn.q_proj.weight', q, hidden);
    add('self_attn.k_proj.weight', kv, hidden);
    add('self_attn.v_proj.weight', kv, hidden);
    add('self_attn.o_proj.weight', hidden, q);
    if (kind.startsWith('Qwen2') || config.attention_bias === true) {
      add('self_attn.q_proj.bias', q);
      add('self_attn.k_proj.bias', kv);
      add('self_attn.v_proj.bias', kv);
    }
    if (config.attention_bias === true) add('self_attn.o_proj.bias', hidden);
    if (kind.startsWith('Qwen3')) {
      add('self_attn.q_norm.weight', headDim);
      add('self_attn.k_norm.weight', headDim);
    }
    add('post_attention_layernorm.weight', hidden);
    add('mlp.gate_proj.weight', forward, hidden);
    add('mlp.up_proj.weight', forward, hidden);
    add('mlp.down_proj.weight', hidden, forward);
    if (config.mlp_bias === true) {
      add('mlp.gate_proj.bias', forward);
      add('mlp.up_proj.bias', forward);
      add('mlp.down_proj.bias', hidden);
    }
  }
  shapes.push(['model.norm.weight', [hidden]]);
  if (config.tie_word_embeddings !== true) shapes.push(['lm_head.weight', [number('vocab_size'), hidden]]);
  return memoryFile(new Map(shapes.map(([name, shape]) => [name, { shape, values: randomValues(seed, name, shape) }])));
}

/** Random weights under the names that an architecture declares for Hugging Face. */
function declaredFile(config: Record<string, unknown>, seed: number): TensorFile {
  const hasHead = config.tie_word_embeddings !== true;
  const specs = tensorsOf(
    configFromHuggingFace(config, { hasHead, nextTokenBlocks: Number(config.mtp_num_hidden_layers ?? 0) }),
  );
  const tensors = specs.flatMap((spec) => {
    const [source] = spec.huggingFace;
    if (source === undefined) return [];
    const { experts = 1, addend = 0 } = spec;
    const apart = Array.from({ length: experts }, (_, expert) => source.name.replace('{expert}', String(expert)));
    const isApart = source.name.includes('{expert}');
    const one = storedShape(spec, source);
    const stored = spec.conversion?.shape ?? (experts === 1 || isApart ? one : [experts, ...one]);
    return (isApart ? apart : [source.name]).map((name) => {
      const values = randomValues(seed, name, stored).map((value) => value - addend);
      return [name, { shape: stored, values }] as const;
    });
  });
  return memoryFile(new Map(tensors));
}

/** Shape of a tensor in a checkpoint; of one of several experts' matrices. */
function storedShape({ shape, experts = 1, conversion, transposed }: TensorSpec, source: TensorSource): number[] {
  const rows = (shape[0] * (source.part?.of ?? 1)) / experts;
  const [columns] = shape.slice(1);
  if (columns === undefined) return [(conversion?.rows ?? shape[0] * (source.part?.of ?? 1)) / experts];
  if (transposed || source.transposed) return [(conversion?.rows ?? columns * experts) / experts, rows];
  const stored = (conversion?.rows ?? rows * experts) / experts;
  // Convolutions have a dimension for the channels that an output sees.
  return /conv/.test(source.name) ? [stored, 1, columns] : [stored, columns];
}

const drawn = new Map<string, Float32Array>();

/** Uniform values, drawn once per process for a seed, name and shape; callers must not write into them. */
function randomValues(seed: number, name: string, shape: readonly number[]): Float32Array {
  const key = `${seed} ${name} ${shape.join('x')}`;
  let values = drawn.get(key);
  if (!values) {
    const random = new Random(seed).fork(name);
    values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const centre = /norm|ln_|scal(?:e|ar)$/i.test(name) && !name.endsWith('.bias') ? 1 : 0;
    const width = shape.length === 1 ? 0.5 : 2.5 / Math.sqrt(shape.at(-1)!);
    for (let i = 0; i < values.length; i++) values[i] = centre + width * (2 * random.uniform() - 1);
    drawn.set(key, values);
  }
  return values;
}

/** A safetensors-like file in memory, F32. */
export function memoryFile(
  tensors: ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>,
): TensorFile {
  const entries = new Map<string, TensorEntry>();
  for (const [name, { shape, values }] of tensors) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const read = async (start = 0, end = bytes.length): Promise<Uint8Array> => bytes.slice(start, end);
    entries.set(name, { name, format: 'F32', shape, byteLength: bytes.length, read });
  }
  return { container: 'safetensors', metadata: new Map(), tensors: entries, close: async () => {} };
}

/** A random model of a HF architecture with the embedded model's vocabulary. */
export async function syntheticModel(
  architecture: string,
  overrides: Record<string, unknown> = {},
  seed = 1,
): Promise<Model> {
  const config = syntheticConfig(architecture, overrides);
  return modelFromTensorFile(syntheticFile(config, seed), {
    tokenizer: await tinyTokenizer(),
    config,
    name: 'synthetic',
  });
}
