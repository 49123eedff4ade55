import { FormatError } from '../../core/errors.ts';
import { LEVEL_BITS } from './frequencies.ts';

/**
 * Levels of a table as stored: a Rice parameter of 3 bits, then every difference to the level before, zigzag: the quotient
 * by 2^k in ones ended by a zero, the remainder in k bits. Neighbours are alike, so that 256 levels take about 130 bytes.
 */
const PARAMETER_BITS = 3;
const MASK = 2 ** LEVEL_BITS - 1;

/** Bits, the first in the lowest. */
class BitWriter {
  readonly bytes: number[] = [];
  #count = 0;

  write(value: number, bits: number): void {
    for (let k = 0; k < bits; k++, this.#count++) {
      if (this.#count % 8 === 0) this.bytes.push(0);
      this.bytes[this.#count >> 3] |= ((value >> k) & 1) << (this.#count & 7);
    }
  }
}

class BitReader {
  readonly #bytes: Uint8Array;
  #count: number;

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#count = 8 * from;
  }

  /** Bytes begun. */
  get at(): number {
    return (this.#count + 7) >> 3;
  }

  read(bits: number): number {
    if (this.#count + bits > 8 * this.#bytes.length) throw new FormatError('coded matrix: its tables are cut off');
    let value = 0;
    for (let k = 0; k < bits; k++, this.#count++)
      value |= ((this.#bytes[this.#count >> 3] >> (this.#count & 7)) & 1) << k;
    return value;
  }
}

/** Differences modulo 128, nearest to zero, zigzag: 0 … 127. */
function steps(levels: Uint8Array): number[] {
  return Array.from(levels, (level, i) => {
    const step = (level - (i === 0 ? 0 : levels[i - 1])) & MASK;
    return step <= MASK >> 1 ? 2 * step : 2 * (MASK - step) + 1;
  });
}

function unstep(previous: number, zigzag: number): number {
  const step = zigzag & 1 ? MASK - (zigzag >> 1) : zigzag >> 1;
  return (previous + step) & MASK;
}

/** All tables, to whole bytes. */
export function writeTables(tables: readonly Uint8Array[]): Uint8Array {
  const writer = new BitWriter();
  for (const levels of tables) {
    const all = steps(levels);
    const lengths = Array.from({ length: 2 ** PARAMETER_BITS }, (_, k) =>
      all.reduce((sum, step) => sum + (step >> k) + 1 + k, 0),
    );
    const k = lengths.indexOf(Math.min(...lengths));
    writer.write(k, PARAMETER_BITS);
    for (const step of all) {
      for (let q = step >> k; q > 0; q--) writer.write(1, 1);
      writer.write(0, 1);
      writer.write(step, k);
    }
  }
  return Uint8Array.from(writer.bytes);
}

/** @returns the tables and where the bytes after them begin */
export function readTables(
  bytes: Uint8Array,
  from: number,
  count: number,
  symbols: number,
): { tables: Uint8Array[]; end: number } {
  const reader = new BitReader(bytes, from);
  const tables = Array.from({ length: count }, () => {
    const k = reader.read(PARAMETER_BITS);
    let level = 0;
    return new Uint8Array(symbols).map(() => {
      let quotient = 0;
      while (reader.read(1) === 1) quotient++;
      level = unstep(level, ((quotient << k) | reader.read(k)) & MASK);
      return level;
    });
  });
  return { tables, end: reader.at };
}
