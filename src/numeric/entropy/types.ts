import type { SlotTables } from './alias.ts';

export interface CodeMatrix {
  readonly rows: number;
  readonly columns: number;
  /** Codes are below it; at most 256. */
  readonly symbols: number;
  /** [rows, columns] */
  readonly codes: Uint8Array;
}

export interface Classes {
  readonly rowClasses: number;
  readonly columnClasses: number;
  /** [rows] */
  readonly ofRow: Uint8Array;
  /** [columns] */
  readonly ofColumn: Uint8Array;
}

/** What a stream of symbols looks like, and which tables they have; see rans.ts. */
export interface RansTask {
  readonly rows: number;
  readonly columns: number;
  /** Symbols of a table, a power of two. */
  readonly symbols: number;
  readonly rowsOfSegment: number;
  readonly segments: number;
  /** 1 or 8. */
  readonly lanes: number;
  /** A symbol's table is the sum of [rows] and [columns]. */
  readonly tableOfRow: Uint32Array;
  readonly tableOfColumn: Uint32Array;
}

/** A tensor's bytes as units of scales followed by packed codes, the first in the lowest bits. */
export interface Units {
  readonly count: number;
  readonly headerBytes: number;
  /** Bits of a code, 1 to 8. */
  readonly bits: number;
  /** Codes of a unit. */
  readonly codes: number;
}

/** Counts, codes and decodes symbols. `plainCoder` defines it; kernels find the same, bit for bit. */
export interface EntropyCoder {
  /** How often each symbol occurs under each pair of classes. @returns [rowClasses, columnClasses, symbols] */
  pairCounts(matrix: CodeMatrix, classes: Classes): Float64Array;
  /**
   * Gives every row (or column) the class under which it is shortest, its own where none is shorter.
   * @param prices bits of every symbol under every pair: [classes of the other, symbols, classes]
   * @returns whether any moved
   */
  assignClasses(matrix: CodeMatrix, classes: Classes, axis: 'row' | 'column', prices: Float64Array): boolean;
  /** @param streams [segments, room] out, from its end on @param starts [segments] out: the first byte in the room */
  encodeSegments(
    task: RansTask,
    tables: SlotTables,
    symbols: Uint8Array,
    streams: Uint8Array,
    starts: Uint32Array,
  ): void;
  /** @param ends [segments + 1] bytes @param symbols out @returns whether every segment ended where its symbols did */
  decodeSegments(
    task: RansTask,
    buckets: Uint16Array,
    bytes: Uint8Array,
    ends: Uint32Array,
    symbols: Uint8Array,
  ): boolean;
  /** Takes units apart. @param headers [count, headerBytes] out @param codes [count, codes] out, one a byte */
  splitUnits(units: Units, bytes: Uint8Array, headers: Uint8Array, codes: Uint8Array): void;
  /** Undoes `splitUnits`. */
  joinUnits(units: Units, headers: Uint8Array, codes: Uint8Array, bytes: Uint8Array): void;
}
