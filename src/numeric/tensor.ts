import { FormatError } from '../core/errors.ts';
import type { EncodeBackend } from './backend.ts';
import { plainBackend } from './backend.ts';
import { decodeRows, encodeRows, rowBytes } from './table.ts';
import type { NumberFormat, TensorFormat } from './types.ts';

/** What a format of whole tensors states; `tensorFormat` adds checks and memory. */
export interface TensorFormatSpec extends Pick<TensorFormat, 'name' | 'block' | 'storedBytes' | 'passes'> {
  readonly safetensors?: string;
  readonly compressedTensors?: string;
  readonly onnx?: string;
  readonly range?: readonly [number, number];
  /** What a row's length must be a multiple of; default 1. */
  readonly multiple?: number;
  /** @param bytes zeros, as many as `storedBytes`. @param importance [rows, columns] */
  encode(
    values: Float32Array,
    columns: number,
    bytes: Uint8Array,
    importance: Float32Array | undefined,
    backend: EncodeBackend,
  ): void;
  decode(bytes: Uint8Array, columns: number, values: Float32Array): void;
}

export function tensorFormat({ multiple = 1, ...spec }: TensorFormatSpec): TensorFormat {
  const { name } = spec;
  const rowsOf = (values: Float32Array, columns: number): number => {
    if (columns > 0 && columns % multiple !== 0)
      throw new FormatError(
        `${name} stores rows in groups of ${multiple} values: a row of ${columns} is not a multiple`,
      );
    return wholeRows(name, values, columns);
  };
  return {
    ...spec,
    encode(values, columns, importance, backend = plainBackend) {
      const bytes = new Uint8Array(spec.storedBytes(rowsOf(values, columns), columns));
      const weights = importance && spread(name, importance, values.length, columns);
      spec.encode(values, columns, bytes, weights, backend);
      return bytes;
    },
    decode(bytes, columns, values) {
      const expected = spec.storedBytes(rowsOf(values, columns), columns);
      if (bytes.length !== expected)
        throw new FormatError(`${name}: ${bytes.length} bytes for ${values.length} values, expected ${expected}`);
      spec.decode(bytes, columns, values);
    },
  };
}

/** A format whose length depends on the values, around one that rounds them and knows which rows it takes. */
export function variableTensor({
  inner,
  ...spec
}: Omit<TensorFormat, 'isVariable'> & { readonly inner: TensorFormat }): TensorFormat {
  return {
    ...(inner.range && { range: inner.range }),
    ...spec,
    isVariable: true,
    decode(bytes, columns, values) {
      const most = spec.storedBytes(wholeRows(spec.name, values, columns), columns);
      if (bytes.length > most)
        throw new FormatError(
          `${spec.name}: ${bytes.length} bytes for ${values.length} values, expected at most ${most}`,
        );
      spec.decode(bytes, columns, values);
    },
  };
}

/** A format of equal blocks as one of tensors. */
export function blockedTensor(format: NumberFormat): TensorFormat {
  return {
    name: format.name,
    block: `${format.blockSize}`,
    storedBytes: (rows, columns) => rows * rowBytes(format, columns),
    encode: (values, columns, importance, backend) =>
      encodeRows(format, values, columns, importance, undefined, backend),
    decode(bytes, columns, values) {
      const expected = (values.length / columns) * rowBytes(format, columns);
      if (bytes.length !== expected)
        throw new FormatError(
          `${format.name}: ${bytes.length} bytes for ${values.length} values, expected ${expected}`,
        );
      decodeRows(format, bytes, columns, values);
    },
  };
}

function wholeRows(name: string, values: Float32Array, columns: number): number {
  if (columns > 0 && values.length % columns === 0) return values.length / columns;
  throw new FormatError(`${name}: ${values.length} values are not whole rows of ${columns}`);
}

/** An importance per column as one per value. */
function spread(name: string, importance: Float32Array, count: number, columns: number): Float32Array {
  if (importance.length === count) return importance;
  if (importance.length !== columns)
    throw new FormatError(`${name}: ${importance.length} importance given, expected ${columns}`);
  return Float32Array.from({ length: count }, (_, i) => importance[i % columns]);
}
