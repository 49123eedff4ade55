import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BitbudgetError } from '../core/errors.ts';
import { memoryResiduals, type ResidualShape, type ResidualStore, SPILL_BYTES } from './residual.ts';

/** In memory up to `limit` bytes, else in a temporary file under `folder` (default: the system's). */
export function residualStore(shape: ResidualShape, limit = SPILL_BYTES, folder = tmpdir()): ResidualStore {
  const bytes = shape.boundaries * shape.tokens * shape.width * 4;
  return bytes <= limit ? memoryResiduals(shape) : fileResiduals(shape, folder);
}

/** In a temporary file under `parent` (default: the system folder), made when absent; removed on `close`. */
export function fileResiduals(shape: ResidualShape, parent = tmpdir()): ResidualStore {
  const { folder, file } = openTemporary(parent);
  const offset = (boundary: number, token: number): number => (boundary * shape.tokens + token) * shape.width * 4;
  return {
    write: (boundary, token, values) =>
      transfer(values, offset(boundary, token), (b, p) => {
        try {
          return writeSync(file, b, 0, b.length, p);
        } catch (error) {
          throw cannotSpill(folder, error as NodeJS.ErrnoException);
        }
      }),
    read: (boundary, token, values) =>
      transfer(values, offset(boundary, token), (b, p) => readSync(file, b, 0, b.length, p)),
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
    const folder = mkdtempSync(join(parent, 'bitbudget-residual-'));
    return { folder, file: openSync(join(folder, 'residual.f32'), 'w+') };
  } catch (error) {
    throw cannotSpill(parent, error as NodeJS.ErrnoException);
  }
}

function cannotSpill(folder: string, error: NodeJS.ErrnoException): BitbudgetError {
  const advice = error.code === 'ENOSPC' ? 'the disk is full; make room' : `${error.code}; check the disk`;
  return new BitbudgetError(`${folder}: the residual stream cannot be kept there: ${advice}, and run it again`, {
    cause: error,
  });
}

/** Moves all bytes; one system call may move fewer than asked. */
function transfer(values: Float32Array, position: number, move: (bytes: Uint8Array, position: number) => number): void {
  // Shared memory (threads) is not taken by fs: work on a private copy.
  const bytes = new Uint8Array(values.byteLength);
  const view = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  bytes.set(view);
  for (let done = 0; done < bytes.length; ) {
    const moved = move(bytes.subarray(done), position + done);
    if (moved === 0) throw new BitbudgetError(`residual file ended at ${position + done} bytes: is the disk full?`);
    done += moved;
  }
  view.set(bytes);
}
