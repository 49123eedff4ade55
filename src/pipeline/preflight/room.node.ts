import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { BitbudgetError } from '../../core/errors.ts';
import type { RoomNeeded } from './types.ts';

/** Left free on every disk: file systems want some, and so do others. */
const SPARE_BYTES = 16e6;

/**
 * Whether disks and memory have room for a job.
 * @param output the file to be written
 * @param store where work is kept
 * @throws BitbudgetError with what is needed and what is there
 */
export async function checkRoom(needed: RoomNeeded, output: string, store: string): Promise<void> {
  const places = [
    { path: dirname(resolve(output)), bytes: needed.outputBytes, what: 'the file' },
    { path: resolve(store), bytes: needed.keptBytes + needed.temporaryBytes, what: 'kept and unfinished work' },
  ];
  const disks = await Promise.all(places.map(async (place) => ({ ...place, disk: await diskOf(place.path) })));
  for (const { disk } of disks) {
    const together = disks.filter((other) => other.disk.id === disk.id);
    const bytes = together.reduce((sum, other) => sum + other.bytes, SPARE_BYTES);
    if (disk.free >= bytes) continue;
    const what = together.map((other) => `${megabytes(other.bytes)} for ${other.what}`).join(' and ');
    throw new BitbudgetError(
      `${together[0].path}: ${megabytes(disk.free)} are free, ${what} are needed; make room (bitbudget cache prune), or name another disk`,
    );
  }
  // The limit of a container included.
  const memory = process.availableMemory();
  if (memory < needed.memoryBytes)
    throw new BitbudgetError(
      `memory: ${megabytes(memory)} are free, about ${megabytes(needed.memoryBytes)} are needed; end other programs, or use fewer --threads or --calibration-tokens`,
    );
}

async function diskOf(path: string): Promise<{ readonly id: string; readonly free: number }> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await statfs(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && folder !== dirname(folder)) return undefined;
      throw error;
    });
    // Disks have no number here: two with the same size, kind and free room are the same, or as good as.
    if (found !== undefined)
      return { id: `${found.type} ${found.blocks} ${found.bavail}`, free: found.bavail * found.bsize };
  }
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
