import type { NumberFormat } from '../numeric/types.ts';
import type { Program, Sizes } from './program.ts';

/** Memory of a device. What it is, only the device knows. */
export interface Buffer {
  readonly bytes: number;
}

/** A piece of a buffer. */
export interface Slot {
  readonly buffer: Buffer;
  /** Default 0. */
  readonly offset?: number;
}

/** What runs programs: memory that is written and read by copies, and calls in order. */
export interface Device {
  readonly name: string;
  /** Threads that share the work, the calling one included. */
  readonly threads: number;
  /** Zeroed memory, 64-byte aligned. Throws RangeError when it is exhausted. */
  allocate(bytes: number): Buffer;
  free(...buffers: readonly Buffer[]): void;
  write(slot: Slot, values: ArrayBufferView): void;
  /** Copies out, behind everything that was started before. */
  read(slot: Slot, into: ArrayBufferView): Promise<void>;
  /** Blocks of a format, whole rows of `columns`, into memory as float32. */
  decode(format: NumberFormat, blocks: Uint8Array, columns: number, slot: Slot): void;
  /** Whether products are computed straight from blocks of this format. */
  supportsPacked(format: string): boolean;
  /**
   * Makes a program ready to run.
   * @param slots memory of every place of the program, by its index; the arena's are offsets into one buffer
   */
  load(program: Program, slots: readonly Slot[]): Executable;
  /** Bytes in use now and at the highest. */
  memory(): { used: number; peak: number };
  close(): void;
}

/** A program with its memory. */
export interface Executable {
  /** Starts all calls. Sizes are at most the program's capacities. Results are seen by `Device.read`. */
  run(sizes: Sizes): void;
}
