import { BitbudgetError, FormatError } from '../core/errors.ts';
import type { EncodeBackend } from './backend.ts';
import { BF16 } from './formats/bf16.ts';
import { F8_E4M3, F8_E5M2 } from './formats/f8.ts';
import { F16 } from './formats/f16.ts';
import { F32 } from './formats/f32.ts';
import { IQ1_M } from './formats/iq1_m.ts';
import { IQ1_S } from './formats/iq1_s.ts';
import { IQ2_S } from './formats/iq2_s.ts';
import { IQ2_XS } from './formats/iq2_xs.ts';
import { IQ2_XXS } from './formats/iq2_xxs.ts';
import { IQ3_S } from './formats/iq3_s.ts';
import { IQ3_XXS } from './formats/iq3_xxs.ts';
import { IQ4_NL } from './formats/iq4_nl.ts';
import { IQ4_XS } from './formats/iq4_xs.ts';
import { MXFP4 } from './formats/mxfp4.ts';
import { NVFP4 } from './formats/nvfp4.ts';
import { Q1_0 } from './formats/q1_0.ts';
import { Q2_0 } from './formats/q2_0.ts';
import { Q2_K } from './formats/q2_k.ts';
import { Q3_K } from './formats/q3_k.ts';
import { Q4_0 } from './formats/q4_0.ts';
import { Q4_1 } from './formats/q4_1.ts';
import { Q4_K } from './formats/q4_k.ts';
import { Q5_0 } from './formats/q5_0.ts';
import { Q5_1 } from './formats/q5_1.ts';
import { Q5_K } from './formats/q5_k.ts';
import { Q6_K } from './formats/q6_k.ts';
import { Q8_0 } from './formats/q8_0.ts';
import { TQ1_0 } from './formats/tq1_0.ts';
import { TQ2_0 } from './formats/tq2_0.ts';
import type { NumberFormat, TensorFormat } from './types.ts';

/** Every number format, by name. A new one is a file and its line here. */
export const formats: ReadonlyMap<string, NumberFormat> = new Map(
  [
    F32,
    F16,
    BF16,
    F8_E4M3,
    F8_E5M2,
    Q8_0,
    Q6_K,
    Q5_K,
    Q5_1,
    Q5_0,
    Q4_K,
    Q4_1,
    Q4_0,
    IQ4_NL,
    IQ4_XS,
    MXFP4,
    Q3_K,
    Q2_K,
    IQ3_S,
    IQ3_XXS,
    IQ2_S,
    IQ2_XS,
    IQ2_XXS,
    IQ1_M,
    IQ1_S,
    TQ2_0,
    TQ1_0,
    NVFP4,
    Q2_0,
    Q1_0,
  ].map((format) => [format.name, format]),
);

const byGgufType = new Map([...formats.values()].flatMap((f) => (f.gguf ? [[f.gguf.type, f] as const] : [])));

/** The format of that name. @throws BitbudgetError naming the known ones */
export function format(name: string): NumberFormat {
  const found = formats.get(name);
  if (found) return found;
  throw new BitbudgetError(`number format ${name} is not known: expected one of ${[...formats.keys()].join(', ')}`);
}

/** The format with that ggml_type id, or undefined. */
export function formatByGgufType(id: number): NumberFormat | undefined {
  return byGgufType.get(id);
}

/** Whether the format is one of equal blocks. */
export function isBlocked(format: NumberFormat | TensorFormat): format is NumberFormat {
  return 'blockSize' in format;
}

/** Bits per value as stored, scales and padding included. */
export function bitsPerWeight(format: NumberFormat): number {
  return (8 * format.blockBytes) / format.blockSize;
}

/** Whether rows of `columns` values can be stored in the format. */
export function fitsRows(format: NumberFormat, columns: number): boolean {
  return columns > 0 && columns % format.blockSize === 0;
}

/** Bytes of one row of `columns` values. @throws FormatError when the row is not a whole number of blocks */
export function rowBytes(format: NumberFormat, columns: number): number {
  if (!fitsRows(format, columns)) {
    throw new FormatError(
      `${format.name} stores rows in blocks of ${format.blockSize} values: a row of ${columns} is not a multiple`,
    );
  }
  return (columns / format.blockSize) * format.blockBytes;
}

/** Values of rows that share an importance per column and are encoded together. */
const VALUES_TOGETHER = 8192;

/**
 * Encodes rows by the format's own scale search and nearest rounding.
 * @param values [rows, columns]
 * @param importance [columns], the same for every row, or [rows, columns]; default all ones
 * @param bytes [rows, rowBytes] out, default a new array
 * @param backend who computes, default plain JavaScript
 */
export function encodeRows(
  format: NumberFormat,
  values: Float32Array,
  columns: number,
  importance?: Float32Array,
  bytes?: Uint8Array,
  backend?: EncodeBackend,
): Uint8Array {
  const stride = rowBytes(format, columns);
  const rows = wholeRows(format, 'values', values.length, columns);
  const out = bytes ?? new Uint8Array(rows * stride);
  if (out.length !== rows * stride) throw lengthError(format, 'bytes', out.length, rows * stride);
  if (!format.encodeBlocks)
    throw new BitbudgetError(`${format.name} can only be read: choose a format with an encoder`);
  if (importance === undefined || importance.length === values.length) {
    format.encodeBlocks(values, out, importance, backend);
    return out;
  }
  if (importance.length !== columns) throw lengthError(format, 'importance', importance.length, columns);
  // few large searches cost less than many small ones
  const together = Math.min(rows, Math.max(1, Math.floor(VALUES_TOGETHER / columns)));
  const repeated = new Float32Array(together * columns);
  for (let row = 0; row < together; row++) repeated.set(importance, row * columns);
  for (let row = 0; row < rows; row += together) {
    const end = Math.min(rows, row + together);
    const part = values.subarray(row * columns, end * columns);
    format.encodeBlocks(part, out.subarray(row * stride, end * stride), repeated.subarray(0, part.length), backend);
  }
  return out;
}

/**
 * Decodes rows.
 * @param bytes [rows, rowBytes]
 * @param values [rows, columns] out, default a new array
 */
export function decodeRows(
  format: NumberFormat,
  bytes: Uint8Array,
  columns: number,
  values?: Float32Array,
): Float32Array {
  const rows = wholeRows(format, 'bytes', bytes.length, rowBytes(format, columns));
  const out = values ?? new Float32Array(rows * columns);
  if (out.length !== rows * columns) throw lengthError(format, 'values', out.length, rows * columns);
  format.decodeBlocks(bytes, out);
  return out;
}

function wholeRows(format: NumberFormat, what: string, length: number, perRow: number): number {
  if (length % perRow === 0) return length / perRow;
  throw new FormatError(`${format.name}: ${length} ${what} are not whole rows of ${perRow}`);
}

function lengthError(format: NumberFormat, what: string, found: number, expected: number): FormatError {
  return new FormatError(`${format.name}: ${found} ${what} given, expected ${expected}`);
}
