/**
 * Builds the kernels when one is missing or older than any of their sources. Compiling takes many seconds; `npm ci`,
 * `npm test` and `npm run build` all want them and mostly have them.
 */
import { execFileSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = globSync(['assembly/**/*.{ts,json}', 'src/numeric/formats/iq_books.ts'], { cwd: root });
const builds = ['relaxed', 'simd', 'scalar'].map((build) => `build/kernels.${build}.wasm`);

/** Milliseconds since 1970; 0 when there is no such file. */
function modified(path: string): number {
  return statSync(`${root}/${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const newest = Math.max(...sources.map(modified));
if (builds.some((build) => modified(build) < newest)) {
  execFileSync(process.execPath, ['assembly/build.ts'], { cwd: root, stdio: 'inherit' });
}
