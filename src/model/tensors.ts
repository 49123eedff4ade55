import type { TensorEntry } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { formats, rowBytes as rowBytesOf } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';
import type { TensorSource, TensorSpec } from './architectures/types.ts';
import type { ModelTensor } from './types.ts';

/**
 * A model tensor over a tensor of a file: rows are read by ranges, put into GGUF's order, decoded on demand.
 * @param permute whether the file has the rows of `spec.permutedHeads` in HF's order
 * @throws FormatError when the file's shape or format is not what the model needs
 */
export function tensorFromEntry(entry: TensorEntry, spec: TensorSpec, permute = false): ModelTensor {
  if (!isShape(entry.shape, spec)) {
    throw new FormatError(
      `${entry.name}: shape is [${entry.shape.join(', ')}], expected [${spec.shape.join(', ')}]; ` +
        'configuration and weights are of two models or versions: take both from one place',
    );
  }
  if (entry.format === 'F64') return tensorFromDoubles(entry, spec, permute);
  const format = formats.get(entry.format);
  if (!format) throw new FormatError(`${entry.name}: format ${entry.format} cannot be read as numbers`);
  const layout = rowLayout(entry, spec, format, permute);
  const loadBlocks = (startRow = 0, endRow = layout.rows): Promise<Uint8Array> =>
    readRows(entry, layout, startRow, endRow);
  return {
    ...described(spec),
    format: format.name,
    loadBlocks,
    load: async (startRow, endRow) => decode(format, await loadBlocks(startRow, endRow)),
  };
}

/** What a tensor is, wherever its values come from. */
export function described({ name, role, layer, shape, experts, exact }: TensorSpec) {
  return { name, role, layer, shape, ...(experts ? { experts } : {}), ...(exact ? { exact } : {}) };
}

/** Stacked matrices may have a dimension of their own, and a matrix of one row may be a vector. */
function isShape(found: readonly number[], { shape, experts }: TensorSpec): boolean {
  const same = (expected: readonly number[]): boolean =>
    found.length === expected.length && found.every((size, i) => size === expected[i]);
  const [rows, columns] = shape;
  if (same(shape)) return true;
  if (experts !== undefined) return same([experts, rows / experts, columns]);
  return rows === 1 && shape.length === 2 && same([columns]);
}

/** Matrices of experts that a file keeps apart, one after the other. */
export function stackedTensor(spec: TensorSpec, parts: readonly ModelTensor[]): ModelTensor {
  const each = spec.shape[0] / parts.length;
  const columns = spec.shape[1];
  const gather = async <T extends Float32Array | Uint8Array>(
    start: number,
    end: number,
    load: (part: ModelTensor, from: number, to: number) => Promise<T>,
    made: (rows: number) => T,
  ): Promise<T> => {
    const all = made(end - start);
    const perRow = all.length / Math.max(1, end - start);
    for (let row = start; row < end; ) {
      const index = Math.floor(row / each);
      const last = Math.min(end, (index + 1) * each);
      all.set(await load(parts[index], row - index * each, last - index * each), (row - start) * perRow);
      row = last;
    }
    return all;
  };
  const [{ format }] = parts;
  const alike = parts.every((part) => part.format === format && part.loadBlocks !== undefined);
  const rowBytes = rowBytesOf(formats.get(format)!, columns);
  return {
    ...described(spec),
    format: alike ? format : 'F32',
    ...(alike && {
      loadBlocks: (start = 0, end = spec.shape[0]) =>
        gather(
          start,
          end,
          (part, from, to) => part.loadBlocks!(from, to),
          (rows) => new Uint8Array(rows * rowBytes),
        ),
    }),
    load: (start = 0, end = spec.shape[0]) =>
      gather(
        start,
        end,
        (part, from, to) => part.load(from, to),
        (rows) => new Float32Array(rows * columns),
      ),
  };
}

/**
 * One of several matrices whose rows follow each other in a tensor; of stacked experts, in each expert's.
 * @param whole of `part.of` times the rows of `spec`
 */
export function partOfTensor(
  whole: ModelTensor,
  spec: TensorSpec,
  part: NonNullable<TensorSource['part']>,
): ModelTensor {
  const each = spec.shape[0] / (spec.experts ?? 1);
  const perRow = spec.shape[1] ?? 1;
  /** Runs of rows that lie together in the whole: where they begin here, and there. */
  const runs = function* (start: number, end: number) {
    for (let row = start; row < end; ) {
      const expert = Math.floor(row / each);
      const last = Math.min(end, (expert + 1) * each);
      const from = row + (expert * (part.of - 1) + part.index) * each;
      yield { at: row - start, from, to: from + last - row };
      row = last;
    }
  };
  const { loadBlocks } = whole;
  const rowBytes = rowBytesOf(formats.get(whole.format)!, perRow);
  return {
    ...described(spec),
    format: whole.format,
    ...(loadBlocks && {
      loadBlocks: async (start = 0, end = spec.shape[0]) => {
        const blocks = new Uint8Array((end - start) * rowBytes);
        for (const { at, from, to } of runs(start, end)) blocks.set(await loadBlocks(from, to), at * rowBytes);
        return blocks;
      },
    }),
    load: async (start = 0, end = spec.shape[0]) => {
      const values = new Float32Array((end - start) * perRow);
      for (const { at, from, to } of runs(start, end)) values.set(await whole.load(from, to), at * perRow);
      return values;
    },
  };
}

/** A tensor whose values are another's and a number more. */
export function withAddend(tensor: ModelTensor, addend: number): ModelTensor {
  const { loadBlocks: _, ...rest } = tensor;
  return {
    ...rest,
    format: 'F32',
    load: async (start, end) => (await tensor.load(start, end)).map((value) => value + addend),
  };
}

/** Float64 is read as float32, each value rounded once: nothing here computes or stores more. */
function tensorFromDoubles(entry: TensorEntry, spec: TensorSpec, permute: boolean): ModelTensor {
  const layout = rowLayout(entry, spec, { name: 'F64', blockSize: 1, blockBytes: 8 }, permute);
  return {
    ...described(spec),
    format: 'F32',
    // Copied: what a source returns need not be aligned.
    load: async (start = 0, end = layout.rows) =>
      Float32Array.from(new Float64Array((await readRows(entry, layout, start, end)).slice().buffer)),
  };
}

/** A tensor that stands in no file, such as computed RoPE factors. */
export function tensorFromValues(spec: TensorSpec, values: Float32Array): ModelTensor {
  const columns = spec.shape.length > 1 ? spec.shape[1] : 1;
  return {
    ...described(spec),
    format: 'F32',
    load: async (start = 0, end = spec.shape[0]) => values.slice(start * columns, end * columns),
  };
}

/** Blocks of a format → float32. */
export function decode(format: NumberFormat, blocks: Uint8Array): Float32Array {
  const values = new Float32Array((blocks.length / format.blockBytes) * format.blockSize);
  format.decodeBlocks(blocks, values);
  return values;
}

/** How rows of a tensor lie in its file. A vector counts as rows of one value. */
interface RowLayout {
  readonly rows: number;
  readonly rowBytes: number;
  /** Rows of a head when q or k must be permuted, else 0. */
  readonly headRows: number;
}

function rowLayout(
  entry: TensorEntry,
  spec: TensorSpec,
  format: Pick<NumberFormat, 'name' | 'blockSize' | 'blockBytes'>,
  permute: boolean,
): RowLayout {
  const isMatrix = spec.shape.length > 1;
  const values = isMatrix ? spec.shape[1] : 1;
  if (values % format.blockSize !== 0) {
    throw new FormatError(`${entry.name}: rows of ${values} do not fit ${format.name} blocks of ${format.blockSize}`);
  }
  const rowBytes = (values / format.blockSize) * format.blockBytes;
  const rows = spec.shape[0];
  if (entry.byteLength !== rows * rowBytes) {
    throw new FormatError(`${entry.name}: ${entry.byteLength} bytes, expected ${rows * rowBytes} for ${format.name}`);
  }
  const headRows = permute && spec.permutedHeads ? rows / spec.permutedHeads : 0;
  return { rows, rowBytes, headRows };
}

async function readRows(entry: TensorEntry, layout: RowLayout, start: number, end: number): Promise<Uint8Array> {
  const { rows, rowBytes, headRows } = layout;
  if (!(start >= 0 && start <= end && end <= rows)) {
    throw new RangeError(`${entry.name}: rows ${start} to ${end} are not within its ${rows} rows`);
  }
  if (headRows === 0) return entry.read(start * rowBytes, end * rowBytes);
  const first = Math.floor(start / headRows) * headRows;
  const last = Math.ceil(end / headRows) * headRows;
  const heads = await entry.read(first * rowBytes, last * rowBytes);
  const bytes = new Uint8Array((end - start) * rowBytes);
  for (let row = start; row < end; row++) {
    const from = halvesRow(row, headRows) - first;
    bytes.set(heads.subarray(from * rowBytes, (from + 1) * rowBytes), (row - start) * rowBytes);
  }
  return bytes;
}

/** Row of a HF checkpoint (pairs i, i + d/2) that is row `row` in GGUF's order (pairs 2i, 2i + 1). */
function halvesRow(row: number, headRows: number): number {
  const within = row % headRows;
  return row - within + (within % 2) * (headRows / 2) + (within >> 1);
}
