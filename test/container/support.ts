import type { GgufTensorPlan, GgufWriteOptions } from '../../src/container/gguf/write.ts';
import { GgufWriter } from '../../src/container/gguf/write.ts';
import { MemorySink } from '../../src/container/source/memory.ts';
import type { Random } from '../../src/core/random.ts';
import type { TypedMetadata } from '../../src/text/types.ts';

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(256));
}

/** A GGUF file in memory. */
export async function writeGguf(
  metadata: ReadonlyMap<string, TypedMetadata>,
  tensors: readonly GgufTensorPlan[],
  data: ReadonlyMap<string, Uint8Array>,
  options?: GgufWriteOptions,
): Promise<Uint8Array> {
  const sink = new MemorySink();
  const writer = await GgufWriter.create(sink, metadata, tensors, options);
  for (const { name } of tensors) await writer.write(name, data.get(name) ?? new Uint8Array(0));
  await writer.finish();
  return sink.bytes();
}
