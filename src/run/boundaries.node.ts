import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BitbudgetError } from '../core/errors.ts';
import type { ValueId } from '../graph/types.ts';
import { type BoundaryShape, type BoundaryStore, boundaryBytes, memoryBoundaries, SPILL_BYTES } from './boundaries.ts';

/** In memory up to `limit` bytes, else in a temporary file under `folder` (default: the system's). */
export function boundaryStore(shape: BoundaryShape, limit = SPILL_BYTES, folder = tmpdir()): BoundaryStore {
  return boundaryBytes(shape) <= limit ? memoryBoundaries(shape) : fileBoundaries(shape, folder);
}

/** In a temporary file under `parent` (default: the system folder), made when absent; removed on `close`. */
export function fileBoundaries(shape: BoundaryShape, parent = tmpdir()): BoundaryStore {
  const { folder, file } = openTemporary(parent);
  const starts = new Map<ValueId, number>();
  let end = 0;
  for (const [value, numbers] of shape) {
    starts.set(value, end);
    end += numbers;
  }
  const offset = (value: ValueId, at: number): number => 4 * (starts.get(value)! + at);
  return {
    write: (value, at, numbers) =>
      transfer(numbers, offset(value, at), (b, p) => {
        try {
          return writeSync(file, b, 0, b.length, p);
        } catch (error) {
          throw cannotSpill(folder, error as NodeJS.ErrnoException);
        }
      }),
    read: (value, at, into) => transfer(into, offset(value, at), (b, p) => readSync(file, b, 0, b.length, p)),
    drop: () => {},
    close: () => {
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function openTemporary(parent: string): { folder: string; file: number } {
  try {
    mkdirSync(parent, { recursive: true });
    const folder = mkdtempSync(join(parent, 'bitbudget-boundaries-'));
    return { folder, file: openSync(join(folder, 'boundaries.f32'), 'w+') };
  } catch (error) {
    throw cannotSpill(parent, error as NodeJS.ErrnoException);
  }
}

function cannotSpill(folder: string, error: NodeJS.ErrnoException): BitbudgetError {
  const advice = error.code === 'ENOSPC' ? 'the disk is full; make room' : `${error.code}; check the disk`;
  return new BitbudgetError(
    `${folder}: what lives between segments cannot be kept there: ${advice}, and run it again`,
    {
      cause: error,
    },
  );
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
