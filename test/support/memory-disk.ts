import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A file system of a few megabytes in memory, which can really be full. */
export interface MemoryDisk {
  readonly path: string;
  fill(): void;
  /** Takes away what filled it. */
  empty(): void;
  unmount(): void;
}

/** Why none can be mounted here; false when it can. */
export const noMemoryDisk =
  process.platform !== 'linux' || process.getuid?.() !== 0 ? 'mounting a file system needs root on Linux' : false;

/** Mounts one in a new folder of `parent`. @param size as mount takes it: `64m` */
export function mountMemory(parent: string, size: string): MemoryDisk {
  const path = join(parent, `disk-${process.hrtime.bigint()}`);
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  const ballast = join(path, 'ballast');
  return {
    path,
    fill: () => {
      const file = openSync(ballast, 'w');
      const piece = new Uint8Array(1 << 20);
      try {
        for (let length = piece.length; length >= 1; ) {
          try {
            writeSync(file, piece, 0, length);
          } catch {
            length >>= 1;
          }
        }
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(ballast, { force: true }),
    unmount: () => void execFileSync('umount', ['-l', path]),
  };
}
