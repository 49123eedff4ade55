import { FormatError } from '../../core/errors.ts';
import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { estimateClasses, type Orders, spreadOrders, tablesOf } from './classes.ts';
import { plainCoder } from './coder.ts';
import { frequenciesOf } from './frequencies.ts';
import { addLag, bestLag, LAGS, subtractLag } from './lag.ts';
import { decodeSymbols, encodeSymbols, streamOverhead } from './rans.ts';
import { readTables, writeTables } from './tables.ts';
import type { Classes, CodeMatrix, EntropyCoder } from './types.ts';

/**
 *   stored  ├ 0xff ┼ codes of `bits` bits ┤
 *   coded   ├ r·16 + c ┼ lag ┼ class of every row, r bits ┼ of every column, c bits ┼ tables ┼ stream ┤
 * 2^r row classes, 2^c column classes, a table for every pair of them, a stream of rANS. Where heads
 * repeat each other, codes are differences to those `lag` columns before. What is not smaller than packed codes is stored:
 * never more than a byte is lost.
 */
const STORED = 0xff;
/** More classes than 2^3 of either were never shorter on the matrices of two models. */
const MOST_CLASS_BITS = 3;
/** Bytes that more classes must save, relative to the whole, to be tried further. */
const LEAST_GAIN = 5e-4;
const HEAD_BYTES = 2;
const SAMPLED_CODES = 1 << 18;

interface Shape {
  readonly rows: number;
  readonly columns: number;
  /** Bits of a code, 1 to 8. */
  readonly bits: number;
}

/** Most bytes that `encodeCodes` gives. */
export function mostBytes({ rows, columns, bits }: Shape): number {
  return 1 + packedBytes(rows * columns, bits);
}

/** Compresses codes without loss. @param codes [rows, columns], below 2^bits */
export function encodeCodes(shape: Shape, codes: Uint8Array, coder: EntropyCoder = plainCoder): Uint8Array {
  const plain: CodeMatrix = { ...shape, symbols: 2 ** shape.bits, codes };
  const lag = bestLag(sample(plain).part);
  const choices = (lag === 0 ? [0] : [0, lag]).map((lag) => chooseClasses(subtractLag(plain, lag), lag, coder));
  const best = choices.reduce((a, b) => (b.bytes < a.bytes ? b : a));
  if (best.bytes < mostBytes(shape)) {
    const coded = writeCoded(best, coder);
    if (coded.length < mostBytes(shape)) return coded;
  }
  const stored = new Uint8Array(mostBytes(shape));
  stored[0] = STORED;
  packBits(codes, 0, codes.length, shape.bits, stored, 1);
  return stored;
}

/** A matrix after its lag, its classes and tables, and an estimate of its coded size. */
interface Choice {
  readonly matrix: CodeMatrix;
  readonly lag: number;
  readonly classes: Classes;
  readonly levels: readonly Uint8Array[];
  readonly tables: Uint8Array;
  readonly bytes: number;
}

/** Doubles the classes of rows or of columns as long as the whole becomes shorter, tables and classes included. */
function chooseClasses(matrix: CodeMatrix, lag: number, coder: EntropyCoder): Choice {
  const { part, times } = sample(matrix);
  const orders = spreadOrders(part);
  const sampled = (rowBits: number, columnBits: number) =>
    attempt({ matrix: part, lag, orders, times, coder }, rowBits, columnBits);
  let [rowBits, columnBits] = [0, 0];
  let best = sampled(0, 0);
  for (;;) {
    const wider = [
      [rowBits + 1, columnBits],
      [rowBits, columnBits + 1],
    ]
      .filter(([r, c]) => r <= MOST_CLASS_BITS && c <= MOST_CLASS_BITS && 2 ** r <= part.rows && 2 ** c <= part.columns)
      .map(([r, c]) => ({ r, c, choice: sampled(r, c) }))
      .sort((a, b) => a.choice.bytes - b.choice.bytes)
      .at(0);
    if (wider === undefined || !(wider.choice.bytes < best.bytes * (1 - LEAST_GAIN))) break;
    [rowBits, columnBits] = [wider.r, wider.c];
    best = wider.choice;
  }
  return times === 1
    ? best
    : attempt({ matrix, lag, orders: spreadOrders(matrix), times: 1, coder }, rowBits, columnBits);
}

interface Attempt {
  readonly matrix: CodeMatrix;
  readonly lag: number;
  readonly orders: Orders;
  /** How many times as many codes there will be. */
  readonly times: number;
  readonly coder: EntropyCoder;
}

function attempt({ matrix, lag, orders, times, coder }: Attempt, rowBits: number, columnBits: number): Choice {
  const classes = estimateClasses(matrix, orders, 2 ** rowBits, 2 ** columnBits, coder);
  const { levels, bits } = tablesOf(coder.pairCounts(matrix, classes), matrix.symbols);
  const tables = writeTables(levels);
  const columnBytes = packedBytes(matrix.columns, columnBits);
  const overhead = streamOverhead(matrix.rows * times, matrix.columns);
  const head = HEAD_BYTES + packedBytes(matrix.rows * times, rowBits) + columnBytes + tables.length + overhead;
  return { matrix, lag, classes, levels, tables, bytes: head + (times * bits) / 8 };
}

/** Evenly spaced rows with about `SAMPLED_CODES` codes: enough to choose how many classes there are. */
function sample(matrix: CodeMatrix): { part: CodeMatrix; times: number } {
  const { rows, columns, codes } = matrix;
  const step = Math.max(1, Math.floor(codes.length / SAMPLED_CODES));
  if (step === 1) return { part: matrix, times: 1 };
  const picked = Array.from({ length: Math.ceil(rows / step) }, (_, i) => i * step);
  const some = new Uint8Array(picked.length * columns);
  picked.forEach((row, i) => {
    some.set(codes.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  return { part: { ...matrix, rows: picked.length, codes: some }, times: rows / picked.length };
}

function writeCoded({ matrix, lag, classes, levels, tables }: Choice, coder: EntropyCoder): Uint8Array {
  const { rows, columns } = matrix;
  const rowBits = Math.log2(classes.rowClasses);
  const columnBits = Math.log2(classes.columnClasses);
  const stream = encodeSymbols(matrix.codes, levels.map(frequenciesOf), classes, coder);
  const columnsAt = HEAD_BYTES + packedBytes(rows, rowBits);
  const tablesAt = columnsAt + packedBytes(columns, columnBits);
  const bytes = new Uint8Array(tablesAt + tables.length + stream.length);
  bytes[0] = rowBits * 16 + columnBits;
  bytes[1] = LAGS.indexOf(lag);
  packBits(classes.ofRow, 0, rows, rowBits, bytes, HEAD_BYTES);
  packBits(classes.ofColumn, 0, columns, columnBits, bytes, columnsAt);
  bytes.set(tables, tablesAt);
  bytes.set(stream, tablesAt + tables.length);
  return bytes;
}

/**
 * Undoes `encodeCodes`.
 * @param codes [rows, columns] out
 * @throws FormatError when the bytes cannot be such a matrix
 */
export function decodeCodes(
  shape: Shape,
  bytes: Uint8Array,
  codes: Uint8Array,
  coder: EntropyCoder = plainCoder,
): void {
  if (bytes.length === 0 || bytes.length > mostBytes(shape))
    throw new FormatError(`coded matrix: ${bytes.length} bytes, expected 1 to ${mostBytes(shape)}`);
  if (bytes[0] === STORED) {
    if (bytes.length !== mostBytes(shape))
      throw new FormatError(`coded matrix: ${bytes.length} bytes of stored codes, expected ${mostBytes(shape)}`);
    unpackBits(bytes, 1, codes.length, shape.bits, codes);
    return;
  }
  const { lag, classes, tables, streamAt } = readHead(shape, bytes);
  decodeSymbols(bytes.subarray(streamAt), tables, classes, codes, coder);
  addLag({ ...shape, symbols: 2 ** shape.bits, codes }, lag);
}

function readHead({ rows, columns, bits }: Shape, bytes: Uint8Array) {
  const rowBits = bytes[0] >> 4;
  const columnBits = bytes[0] & 15;
  if (rowBits > MOST_CLASS_BITS || columnBits > MOST_CLASS_BITS)
    throw new FormatError(
      `coded matrix: 2^${rowBits} × 2^${columnBits} classes, expected at most 2^${MOST_CLASS_BITS}`,
    );
  const columnsAt = HEAD_BYTES + packedBytes(rows, rowBits);
  const tablesAt = columnsAt + packedBytes(columns, columnBits);
  if (tablesAt > bytes.length)
    throw new FormatError(`coded matrix: ${bytes.length} bytes, its classes alone take ${tablesAt}`);
  const lag = LAGS[bytes[1]];
  if (lag === undefined) throw new FormatError(`coded matrix: lag ${bytes[1]}, expected 0 to ${LAGS.length - 1}`);
  const ofRow = new Uint8Array(rows);
  const ofColumn = new Uint8Array(columns);
  unpackBits(bytes, HEAD_BYTES, rows, rowBits, ofRow);
  unpackBits(bytes, columnsAt, columns, columnBits, ofColumn);
  const { tables, end } = readTables(bytes, tablesAt, 2 ** (rowBits + columnBits), 2 ** bits);
  const classes = { rowClasses: 2 ** rowBits, columnClasses: 2 ** columnBits, ofRow, ofColumn };
  return { lag, classes, tables: tables.map(frequenciesOf), streamAt: end };
}
