/**
 * Compiles the kernels to `build/kernels.{relaxed,simd,scalar}.wasm`: `node assembly/build.ts`, or some of
 * them: `node assembly/build.ts relaxed`.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Build, compile, features, root } from './compile.ts';

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(features);
await mkdir(join(root, 'build'), { recursive: true });
for (const build of wanted as Build[]) {
  const bytes = await compile(build);
  const path = join(root, 'build', `kernels.${build}.wasm`);
  // Renamed when whole: tests and builds may run at the same time.
  await writeFile(`${path}.${process.pid}.tmp`, bytes);
  await rename(`${path}.${process.pid}.tmp`, path);
  console.log(`build/kernels.${build}.wasm ${bytes.length} bytes`);
}
