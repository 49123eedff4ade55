import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSink } from '../../src/container/node.ts';
import { Random } from '../../src/core/random.ts';
import { withActivationBits } from '../../src/model/activation-bits.ts';
import { withCacheFormats } from '../../src/model/cache-formats.ts';
import { openModel } from '../../src/model/open.node.ts';
import { roundingMetadata } from '../../src/model/roundings.ts';
import type { Model } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { syntheticModel, tinyPath } from '../../test/support/synthetic.ts';

/** How a model is written: all that a file can ask of those who run it. */
export interface Variant {
  /** Format of every matrix. */
  readonly weights: string;
  /** Formats of keys and of values. */
  readonly cache: readonly [string, string];
  /** Bits that inputs of matrices are rounded to; 0 for none. */
  readonly activations: number;
}

/** Weights and cache in float32, activations as they are. */
export const PLAIN: Variant = { weights: 'F32', cache: ['F32', 'F32'], activations: 0 };

/** Small enough for every case to take a second; rows of 256, so that every type fits. */
const SMALL = {
  hidden_size: 256,
  intermediate_size: 512,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
};

/** The models that bits are compared on. Random weights but for the embedded model. */
export const models: Readonly<Record<string, () => Promise<Model>>> = {
  embedded: () => openModel(tinyPath),
  llama: () => syntheticModel('LlamaForCausalLM', SMALL),
  qwen2: () => syntheticModel('Qwen2ForCausalLM', { ...SMALL, tie_word_embeddings: true }),
  qwen3: () => syntheticModel('Qwen3ForCausalLM', { ...SMALL, head_dim: 128 }),
};

/** Writes a model as GGUF with this checkout's code, the same file for both commits. Returns the file's path. */
export async function writeVariant(model: Model, variant: Variant, folder: string, name: string): Promise<string> {
  const { weights, cache, activations } = variant;
  const path = join(folder, `${[name, weights, ...cache, activations].join('-')}.gguf`);
  const rounded = withActivationBits(
    withCacheFormats(model, { k: cache[0], v: cache[1] }),
    activations === 0 ? undefined : activations,
  );
  await writeModelGguf(model, await fileSink(path), {
    formatOf: () => weights,
    metadata: roundingMetadata(model, rounded.roundings!),
  });
  return path;
}

/** Gives work a file that is gone afterwards. */
export async function withVariant<T>(
  open: () => Promise<Model>,
  variant: Variant,
  folder: string,
  work: (file: string, model: Model) => Promise<T>,
): Promise<T> {
  const model = await open();
  const path = await writeVariant(model, variant, folder, 'model');
  try {
    return await work(path, model);
  } finally {
    await model.close();
    await rm(path);
  }
}

/** Random tokens of a vocabulary. */
export function randomTokens(vocabulary: number, count: number, seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.integer(vocabulary));
}
