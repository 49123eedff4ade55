import { type GgufTensorPlan, GgufWriter, ggufSize } from '../container/gguf/write.ts';
import type { ByteSink } from '../container/types.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import type { EncodeBackend } from '../numeric/backend.ts';
import { encodeRows, format } from '../numeric/table.ts';
import type { TypedMetadata } from '../text/types.ts';
import { fileShape, fixedFormat, isMatrix } from './matrices.ts';
import type { Model, ModelTensor } from './types.ts';

/** Encoded blocks of a matrix: all at once, or in order in pieces. */
export type Blocks = Promise<Uint8Array> | AsyncIterable<Uint8Array>;

export interface WriteModelOptions extends WorkOptions {
  /** Format of a matrix (numeric registry name). Vectors are always F32, as llama.cpp expects. */
  formatOf(tensor: ModelTensor): string;
  /** Default: the source's own blocks where the format stays, else nearest rounding. */
  blocksOf?(tensor: ModelTensor, format: string): Blocks;
  /** Who encodes where `blocksOf` does not, default plain JavaScript. */
  backend?: EncodeBackend;
  /** Further key-values, such as notes on how the file was made; they replace the model's own of the same key. */
  metadata?: ReadonlyMap<string, TypedMetadata>;
}

/**
 * Writes a model as GGUF and commits the sink; on failure the sink is aborted.
 * @returns bytes written, equal to `modelFileSize`
 */
export async function writeModelGguf(model: Model, sink: ByteSink, options: WriteModelOptions): Promise<number> {
  const { plans, metadata } = plan(model, options);
  const { backend } = options;
  const blocksOf = options.blocksOf ?? ((tensor: ModelTensor, name: string) => convertedBlocks(tensor, name, backend));
  const tensors = [...model.tensors.values()];
  try {
    const writer = await GgufWriter.create(sink, metadata, plans);
    for (const [i, tensor] of tensors.entries()) {
      await checkpoint(options.signal);
      options.onProgress?.({ stage: 'writing', done: i, total: tensors.length, unit: 'tensors', detail: tensor.name });
      const blocks = isMatrix(tensor)
        ? blocksOf(tensor, plans[i].format)
        : convertedBlocks(tensor, plans[i].format, backend);
      if (blocks instanceof Promise) await writer.write(tensor.name, await blocks);
      else for await (const piece of blocks) await writer.write(tensor.name, piece);
    }
    await writer.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
  return ggufSize(metadata, plans).totalBytes;
}

/** Exact bytes of the file that `writeModelGguf` makes of the same choices. */
export function modelFileSize(model: Model, options: Pick<WriteModelOptions, 'formatOf' | 'metadata'>): number {
  const { plans, metadata } = plan(model, options);
  return ggufSize(metadata, plans).totalBytes;
}

/** A tensor's rows in a format by nearest rounding, some megabytes at a time; its own blocks when the format is the same. */
export async function* convertedBlocks(
  tensor: ModelTensor,
  name: string,
  backend?: EncodeBackend,
): AsyncGenerator<Uint8Array> {
  const target = format(name);
  const [rows, columns = 1] = tensor.shape;
  const step = Math.max(1, Math.floor(2 ** 20 / columns));
  for (let row = 0; row < rows; row += step) {
    const end = Math.min(rows, row + step);
    if (tensor.format === name && tensor.loadBlocks) yield await tensor.loadBlocks(row, end);
    else yield encodeRows(target, await tensor.load(row, end), columns, undefined, undefined, backend);
  }
}

function plan(
  model: Model,
  options: Pick<WriteModelOptions, 'formatOf' | 'metadata'>,
): { plans: GgufTensorPlan[]; metadata: Map<string, TypedMetadata> } {
  const plans = [...model.tensors.values()].map((tensor) => ({
    name: tensor.name,
    shape: fileShape(tensor),
    format: isMatrix(tensor) ? options.formatOf(tensor) : fixedFormat(tensor),
  }));
  const own = new Map([...model.metadata, ...(options.metadata ?? [])]);
  own.delete('general.file_type');
  const fileType: TypedMetadata = { type: 'uint32', value: majorityFileType(plans) };
  // Small facts come first, so that tools that read only the head of a file find them before the vocabulary.
  const keys = [...own.keys()];
  const isGeneral = (key: string): boolean => key.startsWith('general.');
  const isTokenizer = (key: string): boolean => key.startsWith('tokenizer.');
  const pick = (chosen: string[]): [string, TypedMetadata][] =>
    chosen.map((key) => [key, own.get(key) as TypedMetadata]);
  const metadata = new Map<string, TypedMetadata>([
    ...pick(keys.filter(isGeneral)),
    ['general.file_type', fileType],
    ...pick(keys.filter((key) => !isGeneral(key) && !isTokenizer(key))),
    ...pick(keys.filter(isTokenizer)),
  ]);
  return { plans, metadata };
}

/** llama_ftype of the format that holds most weights. */
function majorityFileType(plans: readonly GgufTensorPlan[]): number {
  const weights = new Map<string, number>();
  for (const { format, shape } of plans) {
    const count = shape.reduce((product, size) => product * size, 1);
    weights.set(format, (weights.get(format) ?? 0) + count);
  }
  const [majority] = [...weights].reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  return format(majority).gguf?.fileType ?? 0;
}
