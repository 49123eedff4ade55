import type { TypedMetadata } from '../text/types.ts';
import type { ModelConfig, ModelTensor } from './types.ts';

/*
 * Blocks behind the last one that predict further tokens (multi-token prediction). Programs that draft with them read them;
 * they take no part in what a model predicts next. They are no layers. Where an architecture knows them their tensors are kept
 * as they are, in files of any size; elsewhere they are left out. Both is told.
 */

type Blocks = Pick<ModelConfig, 'layers' | 'nextTokenBlocks'>;

/** Whether a tensor is of such a block. @param pattern finds the number of a block in a name */
export function isOfNextTokens(name: string, { layers, nextTokenBlocks = 0 }: Blocks, pattern: RegExp): boolean {
  const block = Number(pattern.exec(name)?.[1] ?? -1);
  return block >= layers && block < layers + nextTokenBlocks;
}

/** Blocks of a checkpoint that keeps them apart. @param names of its tensors */
export function nextTokenBlocksOf(names: Iterable<string>): number {
  const numbers = Array.from(names, (name) => Number(APART.exec(name)?.[1] ?? -1));
  return numbers.reduce((most, number) => Math.max(most, number + 1), 0);
}

const APART = /^mtp\.layers\.(\d+)\./;

/** Where Hugging Face has a tensor of such a block, from where it would be if the block were one of the model's. */
export function nameApart(name: string, { layers }: Blocks): string {
  return name.replace(/^model\.layers\.(\d+)\./, (_, block) => `mtp.layers.${Number(block) - layers}.`);
}

/** What to say of tensors that are kept. */
export function remarksOnKept(kept: readonly ModelTensor[], { nextTokenBlocks = 0 }: Blocks): string[] {
  const formats = [...new Set(kept.filter(({ shape }) => shape.length > 1).map(({ format }) => format))].join(' and ');
  const blocks = nextTokenBlocks === 1 ? 'the block that predicts' : `the ${nextTokenBlocks} blocks that predict`;
  return [`${blocks} further tokens (${kept.length} tensors) kept as the source has them, in ${formats}`];
}

/** What to say of tensors that were left out; nothing where there are none. */
export function remarksOnNextTokens(left: readonly string[], { nextTokenBlocks = 0 }: Blocks): string[] {
  if (left.length === 0) return [];
  const blocks = nextTokenBlocks === 1 ? 'the block that predicts' : `the ${nextTokenBlocks} blocks that predict`;
  return [
    `${blocks} further tokens (${left[0]} and ${left.length - 1} more tensors) left out; drafting with it is lost`,
  ];
}

/** Metadata of a file without them: its blocks are its layers. */
export function withoutNextTokens(
  metadata: ReadonlyMap<string, TypedMetadata>,
  { architecture, layers, nextTokenBlocks = 0 }: Blocks & Pick<ModelConfig, 'architecture'>,
): Map<string, TypedMetadata> {
  const kept = new Map(metadata);
  if (nextTokenBlocks === 0) return kept;
  kept.delete(`${architecture}.nextn_predict_layers`);
  kept.set(`${architecture}.block_count`, { type: 'uint32', value: layers });
  for (const [key, value] of metadata) {
    const isPerBlock = Array.isArray(value.value) && value.value.length === layers + nextTokenBlocks;
    if (isPerBlock && key.startsWith(`${architecture}.`))
      kept.set(key, { ...value, value: (value.value as unknown[]).slice(0, layers) } as TypedMetadata);
  }
  return kept;
}
