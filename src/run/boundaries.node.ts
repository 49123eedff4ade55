import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BitbudgetError } from '../core/errors.ts';
import type { ValueId } from '../graph/types.ts';
import { type BoundaryShape, type BoundaryStore, memoryBoundaries } from './boundaries.ts';

/** Above this size, what lives between segments goes to a file. */
export const SPILL_BYTES = 2 * 2 ** 30;

/** In memory up to `limit` bytes, else in a temporary file under `folder` (default: the system's). */
export function boundaryStore(shape: BoundaryShape, limit = SPILL_BYTES, folder = tmpdir()): BoundaryStore {
  const numbers = [...shape.values()].reduce((sum, count) => sum + count, 0);
  return 4 * numbers <= limit ? memoryBoundaries(shape) : fileBoundaries(shape, folder);
}

/** In a temporary file under `parent` (default: the system folder), removed on `close`. */
export function fileBoundaries(shape: BoundaryShape, parent = tmpdir()): BoundaryStore {
  const folder = mkdtempSync(join(parent, 'bitbudget-boundaries-'));
  const file = openSync(join(folder, 'boundaries.f32'), 'w+');
  const starts = new Map<ValueId, number>();
  let end = 0;
  for (const [value, numbers] of shape) {
    starts.set(value, end);
    end += numbers;
  }
  const offset = (value: ValueId, at: number): number => 4 * (starts.get(value)! + at);
  return {
    write: (value, at, numbers) => transfer(numbers, offset(value, at), (b, p) => writeSync(file, b, 0, b.length, p)),
    read: (value, at, into) => transfer(into, offset(value, at), (b, p) => readSync(file, b, 0, b.length, p)),
    drop: () => {},
    close: () => {
      closeSync(file);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Moves all bytes; one system call may move fewer than asked. */
function transfer(values: Float32Array, position: number, move: (bytes: Uint8Array, position: number) => number): void {
  // Shared memory (threads) is not taken by fs: work on a private copy.
  const bytes = new Uint8Array(values.byteLength);
  const view = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  bytes.set(view);
  for (let done = 0; done < bytes.length; ) {
    const moved = move(bytes.subarray(done), position + done);
    if (moved === 0) throw new BitbudgetError(`boundary file ended at ${position + done} bytes: is the disk full?`);
    done += moved;
  }
  view.set(bytes);
}
