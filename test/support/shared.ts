import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of a file of the shared data beside the checkout, or undefined where there is none: then the test skips, visibly. */
export function shared(path: string): string | undefined {
  const full = fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url));
  return existsSync(full) ? full : undefined;
}

/** Options for `test()` that skip it with its reason when shared data is absent. */
export function needsShared(...paths: string[]): { skip: string | false } {
  const missing = paths.find((path) => shared(path) === undefined);
  return { skip: missing === undefined ? false : `shared/${missing} is not here` };
}
