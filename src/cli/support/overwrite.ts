import { existsSync } from 'node:fs';
import { UsageError } from '../../core/errors.ts';

/** Called before any work, so that hours are not spent on an output that may not be written. @throws UsageError */
export function refuseOverwrite(path: string, yes: boolean | undefined): void {
  if (!yes && existsSync(path)) throw new UsageError(`${path}: already exists; give --yes to overwrite it`);
}
