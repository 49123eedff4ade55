/**
 * Compiles the kernels to `build/kernels.{relaxed,simd,scalar}.wasm`: `node assembly/build.ts`, or some of
 * them: `node assembly/build.ts relaxed`.
 * All three builds come from the same sources, but where a file `x.scalar.ts` stands beside `x.ts`, the scalar build
 * reads that one; and generated.ts supplies what no file holds.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { generated } from './generated.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const features = {
  relaxed: ['threads', 'simd', 'relaxed-simd'],
  simd: ['threads', 'simd'],
  scalar: ['threads'],
};
type Build = keyof typeof features;

/** The sources see `shared` memory of up to 4 GiB, which the host imports; see `src/kernels/wasm/team.ts`. */
const options = [
  '--runtime',
  'stub',
  '--importMemory',
  '--sharedMemory',
  '--initialMemory',
  '1',
  '--maximumMemory',
  '65536',
];
const optimization = ['--noAssert', '--optimizeLevel', '3', '--shrinkLevel', '0'];

/** The compiler probes for files that need not exist and takes null as "not there". */
async function source(path: string): Promise<string | null> {
  return await readFile(path, 'utf8').catch(() => null);
}

async function compile(build: Build): Promise<Uint8Array> {
  const output = new Map<string, Uint8Array | string>();
  const enabled = features[build].flatMap((feature) => ['--enable', feature]);
  const { error, stderr } = await asc.main(
    ['assembly/index.ts', '--outFile', 'kernels.wasm', '--baseDir', root, ...options, ...optimization, ...enabled],
    {
      readFile: async (name, baseDir) => {
        if (build === 'scalar') {
          const scalar = await source(join(baseDir, name.replace(/\.ts$/, '.scalar.ts')));
          if (scalar !== null) return scalar;
        }
        return generated.get(name.replaceAll('\\', '/')) ?? (await source(join(baseDir, name)));
      },
      writeFile: (name, contents) => void output.set(name, contents),
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`kernels (${build}) do not compile: ${error.message}\n${stderr.toString()}`);
  return output.get('kernels.wasm') as Uint8Array;
}

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
