/**
 * The compiler of the kernels. All three builds come from the same sources, but where a file `x.scalar.ts` stands beside
 * `x.ts`, the scalar build reads that one; and generated.ts supplies what no file holds.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { generated } from './generated.ts';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What each build asks of the engine. */
export const features = {
  relaxed: ['threads', 'simd', 'relaxed-simd'],
  simd: ['threads', 'simd'],
  scalar: ['threads'],
};
export type Build = keyof typeof features;

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

/**
 * @param changed sources that are compiled in place of files, by path below the repository's root
 * @returns the binary
 */
export async function compile(build: Build, changed: ReadonlyMap<string, string> = new Map()): Promise<Uint8Array> {
  const output = new Map<string, Uint8Array | string>();
  const enabled = features[build].flatMap((feature) => ['--enable', feature]);
  const { error, stderr } = await asc.main(
    ['assembly/index.ts', '--outFile', 'kernels.wasm', '--baseDir', root, ...options, ...optimization, ...enabled],
    {
      readFile: async (name, baseDir) => {
        const path = name.replaceAll('\\', '/');
        const change = changed.get(path);
        if (change !== undefined) return change;
        if (build === 'scalar') {
          const scalar = await source(join(baseDir, name.replace(/\.ts$/, '.scalar.ts')));
          if (scalar !== null) return scalar;
        }
        return generated.get(path) ?? (await source(join(baseDir, name)));
      },
      writeFile: (name, contents) => void output.set(name, contents),
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`kernels (${build}) do not compile: ${error.message}\n${stderr.toString()}`);
  return output.get('kernels.wasm') as Uint8Array;
}
