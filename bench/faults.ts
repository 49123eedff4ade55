/**
 * Whether tests see what they are there for: puts one fault at a time into a kernel's source, in a copy of the
 * repository, builds it and runs the kernel's tests. Prints kernel, fault and the tests that failed; ends with 1 when a
 * fault goes unseen. `npm run bench -- faults`; `--kernel=route` faults of one kernel, `--test=shares` those that
 * one test file must see, `--quick` one of each kernel.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../assembly/compile.ts';
import { attentionFaults } from './faults/attention.ts';
import { definitionsFaults } from './faults/definitions.ts';
import { elementsFaults } from './faults/elements.ts';
import { expertsFaults } from './faults/experts.ts';
import { imagesFaults } from './faults/images.ts';
import { sequencesFaults } from './faults/sequences.ts';
import { sharesFaults } from './faults/shares.ts';
import { sumsFaults } from './faults/sums.ts';
import type { Fault } from './faults/types.ts';
import { machine } from './support/machine.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const faults: readonly Fault[] = [
  ...attentionFaults,
  ...elementsFaults,
  ...expertsFaults,
  ...imagesFaults,
  ...sequencesFaults,
  ...sumsFaults,
  ...sharesFaults,
  ...definitionsFaults,
];

const builds = ['relaxed', 'simd', 'scalar'] as const;
/** Bytes of a test's output: differences of arrays are long. */
const MOST_OUTPUT = 2 ** 28;
/** Test files that call packed products. */
const WHOLE = ['grouped', 'shares'];
/** Exports that take most of the time to compile; other tests do without. */
const LARGE = [
  ...["export * from './entropy';\n", "export * from './packed';\n", "export * from './search';\n"],
  ...["export { castFloats, castSums } from './cast';\n", "export { decodeCodes } from './codes';\n"],
];

/** A copy of what kernels and their tests are made of. */
function copyRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'kernel-faults-'));
  for (const folder of ['src', 'test/kernels', 'build', 'package.json'])
    cpSync(join(root, folder), join(copy, folder), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** The source with its fault. @throws Error when the place is not there, or not the only one */
function spoil(source: string, { file, within, find, replace }: Fault): string {
  const start = within === undefined ? 0 : source.search(new RegExp(`function ${within}\\b`));
  const at = start < 0 ? -1 : source.indexOf(find, start);
  const isClear = within !== undefined || source.indexOf(find, at + 1) < 0;
  if (at < 0 || !isClear) throw new Error(`${file}: \`${find}\` does not stand once ${within ? `in ${within}` : ''}`);
  return source.slice(0, at) + replace + source.slice(at + find.length);
}

/**
 * Compiles one build in place of all three, which read the same sources: relaxed SIMD without the large parts, or
 * everything without SIMD where the tests need those.
 * @param changed sources in place of files, by path
 */
async function buildKernels(copy: string, test: string, changed: ReadonlyMap<string, string>): Promise<void> {
  const isWhole = WHOLE.includes(test);
  const index = readFileSync(join(root, 'assembly/index.ts'), 'utf8');
  const entry = isWhole ? index : LARGE.reduce((source, line) => source.replace(line, ''), index);
  const binary = await compile(isWhole ? 'scalar' : 'relaxed', new Map([['assembly/index.ts', entry], ...changed]));
  for (const build of builds) writeFileSync(wasm(copy, build), binary);
}

function wasm(folder: string, build: string): string {
  return join(folder, `build/kernels.${build}.wasm`);
}

/** Names of the tests that fail. */
function failures(copy: string, test: string): string[] {
  const args = ['--test', '--test-reporter=tap', `test/kernels/${test}.test.ts`];
  const { stdout } = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', maxBuffer: MOST_OUTPUT });
  if (!/^# tests [1-9]/m.test(stdout)) throw new Error(`${test}: no test ran\n${stdout}`);
  return [...stdout.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, name]) => name);
}

/** Tests that fail with the fault. */
async function tryFault(copy: string, fault: Fault): Promise<string[]> {
  const path = join(copy, fault.file);
  const source = readFileSync(join(root, fault.file), 'utf8');
  const spoiled = spoil(source, fault);
  if (fault.file.startsWith('assembly/')) {
    await buildKernels(copy, fault.test, new Map([[fault.file, spoiled]]));
    return failures(copy, fault.test);
  }
  await buildKernels(copy, fault.test, new Map());
  writeFileSync(path, spoiled);
  const failed = failures(copy, fault.test);
  writeFileSync(path, source);
  return failed;
}

/** @throws Error when a test fails without a fault: then its failing says nothing */
async function checkSound(copy: string, tests: ReadonlySet<string>): Promise<void> {
  for (const test of tests) {
    await buildKernels(copy, test, new Map());
    const failed = failures(copy, test);
    if (failed.length > 0) throw new Error(`${test}: \`${failed[0]}\` fails without a fault`);
  }
}

/** Value of `--name=value`. */
function option(name: string): string | undefined {
  return process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);
}

function chosenFaults(): readonly Fault[] {
  const wanted = faults.filter(
    ({ kernel, test }) => [kernel, undefined].includes(option('kernel')) && [test, undefined].includes(option('test')),
  );
  if (!process.argv.includes('--quick')) return wanted;
  return wanted.filter(({ kernel }, i) => wanted.findIndex((other) => other.kernel === kernel) === i);
}

const chosen = chosenFaults();
const copy = copyRepository();
let unseen = 0;
console.log(`${machine()}, ${chosen.length} faults in ${new Set(chosen.map(({ kernel }) => kernel)).size} kernels`);
try {
  await checkSound(copy, new Set(chosen.map(({ test }) => test)));
  for (const fault of chosen) {
    const failed = await tryFault(copy, fault);
    if (failed.length === 0) unseen++;
    const more = failed.length > 1 ? ` and ${failed.length - 1} more` : '';
    console.log(`${fault.kernel} → ${fault.fault} → ${failed.length > 0 ? `${failed[0]}${more}` : 'UNSEEN'}`);
  }
} finally {
  rmSync(copy, { recursive: true });
}
console.log(`${chosen.length - unseen} of ${chosen.length} faults seen`);
if (unseen > 0 || chosen.length === 0) process.exitCode = 1;
