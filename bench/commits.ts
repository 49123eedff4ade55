/**
 * Compares two commits, built side by side: what they compute bit by bit, the files that they write, and their speed.
 *
 *     node bench/commits.ts 18db69c              that commit beside this checkout as it stands, uncommitted changes included
 *     node bench/commits.ts 18db69c HEAD         two commits
 *     npm run bench -- commits --only=bits --quick     the last commit's parent beside this checkout
 *
 * Exit code 1 where something differs or is slower for certain. See bench/commits/README.md.
 */
import { mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../src/core/errors.ts';
import { compareEvaluations, compareLogits, compareMeasurements } from './commits/bits.ts';
import { checkOut, removeCheckouts } from './commits/checkout.ts';
import { printComparisons } from './commits/compare.ts';
import { compareFiles } from './commits/files.ts';
import { withProcesses } from './commits/process.ts';
import { jointRatios, medianRatio } from './commits/ratio.ts';
import { compareCommands, compareSpeed, type SpeedCell } from './commits/speed.ts';
import type { Checkout, Clock } from './commits/types.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const PARTS = ['bits', 'files', 'speed'];

interface Options {
  readonly base: string;
  readonly head?: string;
  readonly parts: readonly string[];
  readonly quick: boolean;
  readonly pairs: number;
  readonly smollm2: string;
  readonly work?: string;
  readonly clock: Clock;
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true, default: PARTS },
        quick: { type: 'boolean', default: false },
        pairs: { type: 'string' },
        smollm2: { type: 'string', default: join('out', 'models', 'smollm2-135m') },
        work: { type: 'string' },
        clock: { type: 'string', default: 'wall' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readOptions(): Options {
  const { values, positionals } = readArguments();
  const unknown = values.only.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new UsageError(`--only ${unknown}: expected one of ${PARTS.join(', ')}`);
  const clock = values.clock;
  if (clock !== 'wall' && clock !== 'cpu') throw new UsageError(`--clock ${clock}: expected wall or cpu`);
  const pairs = Number(values.pairs ?? (values.quick ? 5 : 20));
  if (!Number.isInteger(pairs) || pairs < 5) throw new UsageError(`--pairs ${values.pairs}: expected 5 or more`);
  const [base = 'HEAD^', head] = positionals;
  return { ...values, base, head, parts: values.only, pairs, clock };
}

/** Second commit's time ÷ the first's above which it is slower. */
const SLOWER = 1.02;

/** `1.003 (0.992 … 1.012)`, with what it says of the bound. */
function describeRatio(ratios: readonly number[]): string {
  const { median: ratio, lower, upper } = medianRatio(ratios);
  const verdict = upper <= SLOWER ? '' : lower > SLOWER ? ' SLOWER' : ' undecided';
  return `${ratio.toFixed(3)} (${lower.toFixed(3)} … ${upper.toFixed(3)})${verdict}`;
}

function reportCell({ name, ratios, times }: SpeedCell): void {
  const parts = Object.entries(ratios).map(
    ([what, each]) => `${what} ${median(times[what]).toPrecision(3)} ms × ${describeRatio(each)}`,
  );
  console.log(`${name}: ${parts.join(', ')}`);
}

/** Returns whether nothing is slower for certain. */
async function runSpeed(checkouts: readonly [Checkout, Checkout], folder: string, options: Options): Promise<boolean> {
  console.log(
    `\nspeed: time of ${checkouts[1].name} ÷ time of ${checkouts[0].name}, medians of ${options.pairs} pairs in turns`,
  );
  console.log(`(in brackets where they lie with 95 % confidence on either side; bound ${SLOWER})`);
  const work = { ...options, smollm2: resolve(options.smollm2), folder, report: reportCell };
  const cells = await compareSpeed(checkouts, work);
  const joint = (what: string) => describeRatio(jointRatios(cells.map(({ ratios }) => ratios[what])));
  console.log(`all ${cells.length} cells, geometric mean: prefill × ${joint('prefill')}, decode × ${joint('decode')}`);
  cells.push(...(await compareCommands(checkouts, work)));
  return cells.every(({ ratios }) => Object.values(ratios).every((each) => medianRatio(each).lower <= SLOWER));
}

async function run(checkouts: readonly [Checkout, Checkout], folder: string, options: Options): Promise<boolean> {
  const { parts, quick } = options;
  let good = true;
  if (parts.includes('bits')) {
    console.log('\nbits');
    await withProcesses(checkouts, async (...commits) => {
      for (const compare of [compareLogits, compareMeasurements, compareEvaluations])
        good = printComparisons(await compare(commits, folder, quick)) && good;
    });
  }
  if (parts.includes('files')) {
    console.log('\nfiles');
    good = printComparisons(await compareFiles(checkouts, folder, quick)) && good;
  }
  if (parts.includes('speed')) good = (await runSpeed(checkouts, folder, options)) && good;
  return good;
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.work !== undefined) await mkdir(options.work, { recursive: true });
  const kept = options.work !== undefined;
  const folder = await realpath(options.work ?? (await mkdtemp(join(tmpdir(), 'bitbudget-commits-'))));
  const made: Checkout[] = [];
  try {
    for (const revision of [options.base, options.head]) made.push(await checkOut(revision, folder));
    const [base, head] = made;
    console.log(`${machine()}\n${base.name} beside ${head.name}`);
    if (!(await run([base, head], folder, options))) process.exitCode = 1;
  } finally {
    if (!kept) await removeCheckouts(folder);
  }
}

await main().catch((error: unknown) => {
  console.error(error instanceof UsageError ? `bench commits: ${error.message}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
