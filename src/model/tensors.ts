import type { TensorEntry } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { formats, rowBytes as rowBytesOf } from '../numeric/table.ts';
import type { NumberFormat } from '../numeric/types.ts';
import type { TensorSource, TensorSpec } from './architectures/types.ts';
import type { ModelTensor } from './types.ts';

/**
 * A model tensor over a tensor of a file: rows are read by ranges, put into GGUF's order, decoded on demand.
 * @param fromCheckpoint whether it is a HF checkpoint, whose tensors are brought into GGUF's layout
 * @throws FormatError when the file's shape or format is not what the model needs
 */
export function tensorFromEntry(entry: TensorEntry, spec: TensorSpec, fromCheckpoint = false): ModelTensor {
  if (fromCheckpoint && spec.transposed) return transposedTensor(entry, spec);
  const { rows, shape } = (fromCheckpoint ? spec.conversion : undefined) ?? {};
  const stored = shape ?? (rows === undefined ? undefined : [rows, ...spec.shape.slice(1)]);
  const expected = stored === undefined ? spec : { ...spec, shape: stored };
  if (!isShape(entry.shape, expected)) {
    throw new FormatError(
      `${entry.name}: shape is [${entry.shape.join(', ')}], expected [${expected.shape.join(', ')}]; ` +
        'configuration and weights are of two models or versions: take both from one place',
    );
  }
  const layoutIn = (format: StoredFormat): RowLayout => rowLayout(entry, spec, format, fromCheckpoint);
  if (entry.format === 'F64') return tensorFromDoubles(entry, spec, layoutIn(DOUBLES));
  const format = formats.get(entry.format);
  if (!format) throw new FormatError(`${entry.name}: format ${entry.format} cannot be read as numbers`);
  const layout = layoutIn(format);
  const loadBlocks = (startRow = 0, endRow = layout.rows): Promise<Uint8Array> =>
    readRows(entry, layout, startRow, endRow);
  return {
    ...described(spec),
    format: format.name,
    loadBlocks,
    load: async (startRow, endRow) => decode(format, await loadBlocks(startRow, endRow)),
  };
}

/** Read as the file has it, columns as rows, matrix by matrix. */
function transposedTensor(entry: TensorEntry, spec: TensorSpec): ModelTensor {
  const { experts = 1 } = spec;
  const [all, columns] = spec.shape;
  const rows = all / experts;
  const stored = tensorFromEntry(entry, { ...spec, shape: [experts * columns, rows], transposed: false }, true);
  return {
    ...described(spec),
    format: 'F32',
    load: async (start = 0, end = all) => {
      const values = new Float32Array((end - start) * columns);
      for (let row = start; row < end; ) {
        const expert = Math.floor(row / rows);
        const last = Math.min(end, (expert + 1) * rows);
        const own = await turned(stored, expert, experts);
        const first = (row - expert * rows) * columns;
        values.set(own.subarray(first, first + (last - row) * columns), (row - start) * columns);
        row = last;
      }
      return values;
    },
  };
}

/** What was turned last, as long as nobody needs the memory: whoever reads row by row reads it again. */
let lastTurned:
  | { readonly of: ModelTensor; readonly matrix: number; readonly values: WeakRef<Float32Array> }
  | undefined;

/** All values of one of a tensor's matrices, its columns one after the other. */
async function turned(tensor: ModelTensor, matrix: number, matrices: number): Promise<Float32Array> {
  const isKnown = lastTurned?.of === tensor && lastTurned.matrix === matrix;
  const known = isKnown ? lastTurned?.values.deref() : undefined;
  if (known !== undefined) return known;
  const [all, columns] = tensor.shape;
  const rows = all / matrices;
  const values = await tensor.load(matrix * rows, (matrix + 1) * rows);
  const made = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) made[column * rows + row] = values[row * columns + column];
  lastTurned = { of: tensor, matrix, values: new WeakRef(made) };
  return made;
}

/** What a tensor is, wherever its values come from. */
export function described({ name, role, layer, shape, experts, exact, kept }: TensorSpec) {
  const flags = { ...(experts ? { experts } : {}), ...(exact ? { exact } : {}), ...(kept ? { kept } : {}) };
  return { name, role, layer, shape, ...flags };
}

/** Stacked matrices may have a dimension of their own; dimensions of one are written or left out. */
function isShape(found: readonly number[], { shape, experts }: TensorSpec): boolean {
  const large = (sizes: readonly number[]): number[] => sizes.filter((size) => size !== 1);
  const same = (expected: readonly number[]): boolean => `${large(found)}` === `${large(expected)}`;
  const [rows, ...columns] = shape;
  return same(shape) || (experts !== undefined && same([experts, rows / experts, ...columns]));
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
 * One of several matrices whose rows follow each other in a tensor, or take turns; of stacked experts, in each expert's.
 * @param whole of `part.of` times the rows of `spec`
 */
export function partOfTensor(
  whole: ModelTensor,
  spec: TensorSpec,
  part: NonNullable<TensorSource['part']>,
): ModelTensor {
  const each = spec.shape[0] / (spec.experts ?? 1);
  const perRow = spec.shape[1] ?? 1;
  /** Rows of the whole that have what is asked for, from run to run, and how many of them are one row here. */
  const runs = function* (start: number, end: number) {
    for (let row = start; row < end; ) {
      const expert = Math.floor(row / each);
      const last = Math.min(end, (expert + 1) * each);
      const first = part.interleaved ? row * part.of : row + (expert * (part.of - 1) + part.index) * each;
      yield { at: row - start, count: last - row, from: first, to: first + (last - row) * step };
      row = last;
    }
  };
  const step = part.interleaved ? part.of : 1;
  /** Runs one after the other, of rows that take turns the part's own. */
  const gather = async <T extends Float32Array | Uint8Array>(
    rows: readonly [start: number, end: number],
    load: (from: number, to: number) => Promise<T>,
    made: T,
    width: number,
  ): Promise<T> => {
    for (const { at, count, from, to } of runs(...rows)) {
      const read = await load(from, to);
      for (let i = 0; i < count; i++) {
        const first = (i * step + (part.interleaved ? part.index : 0)) * width;
        made.set(read.subarray(first, first + width), (at + i) * width);
      }
    }
    return made;
  };
  const { loadBlocks } = whole;
  const rowBytes = rowBytesOf(formats.get(whole.format)!, perRow);
  return {
    ...described(spec),
    format: whole.format,
    ...(loadBlocks && {
      loadBlocks: (start = 0, end = spec.shape[0]) =>
        gather([start, end], loadBlocks, new Uint8Array((end - start) * rowBytes), rowBytes),
    }),
    load: (start = 0, end = spec.shape[0]) =>
      gather([start, end], whole.load, new Float32Array((end - start) * perRow), perRow),
  };
}

/** A tensor whose values are made of another's. */
function withValues(tensor: ModelTensor, made: (values: Float32Array) => Float32Array): ModelTensor {
  const { loadBlocks: _, ...rest } = tensor;
  return { ...rest, format: 'F32', load: async (start, end) => made(await tensor.load(start, end)) };
}

/** A tensor of a HF checkpoint whose rows are in GGUF's order, its values and columns as GGUF has them. */
export function converted(tensor: ModelTensor, { addend, conversion = {}, shape }: TensorSpec): ModelTensor {
  const { column, value } = conversion;
  const columns = shape[1];
  const moved = column
    ? withValues(tensor, (values) => values.map((_, at) => values[at - (at % columns) + column(at % columns)]))
    : tensor;
  const mapped = value ? withValues(moved, (values) => values.map(value)) : moved;
  return addend === undefined ? mapped : withValues(mapped, (values) => values.map((each) => each + addend));
}

/** Float64 is read as float32, each value rounded once: nothing here computes or stores more. */
function tensorFromDoubles(entry: TensorEntry, spec: TensorSpec, layout: RowLayout): ModelTensor {
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

type StoredFormat = Pick<NumberFormat, 'name' | 'blockSize' | 'blockBytes'>;

const DOUBLES: StoredFormat = { name: 'F64', blockSize: 1, blockBytes: 8 };

/** How rows of a tensor lie in its file. A vector counts as rows of one value. */
interface RowLayout {
  readonly rows: number;
  readonly rowBytes: number;
  /** Row of the file that is a row of the tensor; undefined: the same. */
  readonly source?: (row: number) => number;
}

function rowLayout(
  entry: TensorEntry,
  { shape, permutedHeads, conversion }: TensorSpec,
  format: StoredFormat,
  fromCheckpoint: boolean,
): RowLayout {
  const values = shape.length > 1 ? shape[1] : 1;
  if (values % format.blockSize !== 0) {
    throw new FormatError(`${entry.name}: rows of ${values} do not fit ${format.name} blocks of ${format.blockSize}`);
  }
  const rowBytes = (values / format.blockSize) * format.blockBytes;
  const rows = shape[0];
  const expected = ((fromCheckpoint ? conversion?.rows : undefined) ?? rows) * rowBytes;
  if (entry.byteLength !== expected) {
    throw new FormatError(`${entry.name}: ${entry.byteLength} bytes, expected ${expected} for ${format.name}`);
  }
  if (!fromCheckpoint) return { rows, rowBytes };
  const headRows = permutedHeads && rows / permutedHeads;
  return { rows, rowBytes, source: headRows ? (row) => halvesRow(row, headRows) : conversion?.row };
}

/** Rows of the file that lie between two that are asked for are read along when there are no more of them. */
const GAP = 64;

async function readRows(entry: TensorEntry, layout: RowLayout, start: number, end: number): Promise<Uint8Array> {
  const { rows, rowBytes, source } = layout;
  if (!(start >= 0 && start <= end && end <= rows)) {
    throw new RangeError(`${entry.name}: rows ${start} to ${end} are not within its ${rows} rows`);
  }
  if (source === undefined) return entry.read(start * rowBytes, end * rowBytes);
  const wanted = Array.from({ length: end - start }, (_, i) => ({ from: source(start + i), to: i }));
  wanted.sort((a, b) => a.from - b.from);
  const bytes = new Uint8Array((end - start) * rowBytes);
  for (let first = 0; first < wanted.length; ) {
    let last = first;
    while (last + 1 < wanted.length && wanted[last + 1].from - wanted[last].from <= GAP) last++;
    const base = wanted[first].from;
    const run = await entry.read(base * rowBytes, (wanted[last].from + 1) * rowBytes);
    for (; first <= last; first++) {
      const { from, to } = wanted[first];
      bytes.set(run.subarray((from - base) * rowBytes, (from - base + 1) * rowBytes), to * rowBytes);
    }
  }
  return bytes;
}

/** Row of a HF checkpoint (pairs i, i + d/2) that is row `row` in GGUF's order (pairs 2i, 2i + 1). */
function halvesRow(row: number, headRows: number): number {
  const within = row % headRows;
  return row - within + (within % 2) * (headRows / 2) + (within >> 1);
}
