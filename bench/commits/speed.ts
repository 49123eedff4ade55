import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openModel } from '../../src/model/open.node.ts';
import type { Model } from '../../src/model/types.ts';
import { runCli } from './cli.ts';
import { models, PLAIN, randomTokens, writeVariant } from './models.ts';
import { pairwise } from './pairwise.ts';
import { type CommitProcess, withProcesses } from './process.ts';
import type { Checkout, Clock, LoadJob, Repeats, Times } from './types.ts';

type Checkouts = readonly [Checkout, Checkout];

/** Ratios of times, second commit ÷ first, of each pair of runs. */
export interface SpeedCell {
  readonly name: string;
  readonly ratios: { readonly [what: string]: readonly number[] };
  /** Milliseconds of the first commit, medians are for the reader. */
  readonly times: { readonly [what: string]: readonly number[] };
}

export interface SpeedOptions {
  /** Pairs of runs, one of each commit, for every ratio. */
  readonly pairs: number;
  /** Folder of SmolLM2-135M; its cells are left out, and named, where it is not there. */
  readonly smollm2: string;
  readonly folder: string;
  /** What decoding and prefill are timed by. */
  readonly clock: Clock;
  /** Called with each cell when it is done. */
  readonly report: (cell: SpeedCell) => void;
}

/** Models at contexts in tokens. */
const PLACES = [
  { model: 'embedded', context: 16 },
  { model: 'embedded', context: 256 },
  { model: 'SmolLM2', context: 16 },
  { model: 'SmolLM2', context: 2048 },
] as const;

/** Every pair of what may matter to speed. SmolLM2's rows of 576 fit no IQ2_S. */
export const speedCells = pairwise(
  {
    place: PLACES,
    prompt: [1, 2, 127, 128, 129],
    weights: ['Q4_0', 'F32', 'IQ2_S'],
    threads: [1, 2],
    cache: ['F32', 'Q8_0'],
  },
  ({ place, weights }) => place.model === 'embedded' || weights !== 'IQ2_S',
);

/** Times decoding and prefill of every cell. Returns the cells that ran. */
export async function compareSpeed(checkouts: Checkouts, options: SpeedOptions): Promise<SpeedCell[]> {
  const { smollm2, folder, report } = options;
  const found: SpeedCell[] = [];
  const byFile = Map.groupBy(speedCells, ({ place, weights, cache }) => [place.model, weights, cache].join(' '));
  for (const cells of byFile.values()) {
    const [{ place, weights, cache }] = cells;
    if (place.model === 'SmolLM2' && !existsSync(join(smollm2, 'config.json'))) {
      for (const cell of cells) console.log(`${cellName(cell)}: skipped, ${smollm2} has no SmolLM2-135M`);
      continue;
    }
    const model = await (place.model === 'embedded' ? models.embedded() : openModel(smollm2));
    const file = await writeVariant(model, { ...PLAIN, weights, cache: [cache, cache] }, folder, place.model);
    for (const cell of cells) {
      found.push(await timeCell(checkouts, loadJob(cell, file, model), cellName(cell), options));
      report(found.at(-1)!);
    }
    await model.close();
    await rm(file);
  }
  return found;
}

type SpeedFactors = (typeof speedCells)[number];

function cellName({ place, prompt, weights, threads, cache }: SpeedFactors): string {
  return `${place.model} ${weights}, context ${place.context}, prompt ${prompt}, threads ${threads}, cache ${cache}`;
}

function loadJob({ place, prompt, threads }: SpeedFactors, file: string, { config }: Model): LoadJob {
  const tokens = randomTokens(config.vocabulary, prompt, 1);
  return { file, threads, exact: false, prompt: tokens, context: place.context, vocabulary: config.vocabulary };
}

/** What one measurement should take at least, and how long code is run before the first, in ms. */
const LEAST = 40;
const WARM_UP = 400;
/** Processes of each commit that share the pairs: how code and data come to lie in memory is a matter of luck. */
const PROCESSES = 4;

async function timeCell(
  checkouts: Checkouts,
  job: LoadJob,
  name: string,
  { pairs, clock }: SpeedOptions,
): Promise<SpeedCell> {
  const base: Times[] = [];
  const head: Times[] = [];
  for (let process = 0; process < PROCESSES; process++) {
    const last = Math.round((pairs * (process + 1)) / PROCESSES);
    await withProcesses(checkouts, async (...commits) => {
      await Promise.all(commits.map((commit) => commit.ask('load', job)));
      let repeats: Repeats | undefined;
      for (const commit of commits.toReversed()) repeats = await warmUp(commit, clock);
      while (base.length < last) {
        const turn = base.length % 2 === 0 ? [0, 1] : [1, 0];
        for (const i of turn) [base, head][i].push(await commits[i].ask('time', { ...repeats!, clock }));
      }
    });
  }
  const times = (what: keyof Times) => base.map((each) => each[what]);
  const ratios = (what: keyof Times) => base.map((each, i) => head[i][what] / each[what]);
  return {
    name,
    ratios: { prefill: ratios('prefill'), decode: ratios('decode') },
    times: { prefill: times('prefill'), decode: times('decode') },
  };
}

/** Runs until code is compiled. Returns how many runs take `LEAST`. */
async function warmUp(commit: CommitProcess, clock: Clock): Promise<Repeats> {
  for (let spent = 0; ; ) {
    const { prefill, decode } = await commit.ask('time', { prefill: 1, decode: 1, clock });
    spent += prefill + decode;
    if (spent >= WARM_UP) return { prefill: Math.ceil(LEAST / prefill), decode: Math.ceil(LEAST / decode) };
  }
}

/** Times whole commands, each in a process of its own: the main job, and the time to the first token. */
export async function compareCommands(checkouts: Checkouts, options: SpeedOptions): Promise<SpeedCell[]> {
  const { folder, pairs, report } = options;
  const model = await models.embedded();
  const file = await writeVariant(model, { ...PLAIN, weights: 'Q4_0' }, folder, 'first-token');
  const original = await writeVariant(model, PLAIN, folder, 'whole-job');
  await model.close();
  const work = join(folder, 'whole-job');
  const output = join(work, 'out.gguf');
  const job = ['quantize', original, '--target-bpw', '4.5', '--work-dir', work, '-o', output, '--yes', '--quiet'];
  const text = ['--calibration-tokens', '1024', '--evaluation-tokens', '1024'];
  const run = ['run', file, '-p', 'Once upon a time', '-n', '1', '--temperature', '0', '--quiet'];
  const commands: [string, string[], 'whole' | 'firstOutput'][] = [
    ['first token, embedded Q4_0, start of the process included', run, 'firstOutput'],
    ['whole job, embedded to 4.5 bits, 1 024 tokens', [...job, ...text], 'whole'],
  ];
  const found: SpeedCell[] = [];
  for (const [name, args, what] of commands) {
    const times: [number[], number[]] = [[], []];
    for (let pair = 0; pair < pairs; pair++) {
      for (const i of pair % 2 === 0 ? [0, 1] : [1, 0]) {
        await rm(work, { recursive: true, force: true });
        times[i].push((await runCli(checkouts[i], args))[what]);
      }
    }
    const ratios = times[0].map((time, pair) => times[1][pair] / time);
    found.push({ name, ratios: { time: ratios }, times: { time: times[0] } });
    report(found.at(-1)!);
  }
  await rm(work, { recursive: true, force: true });
  return found;
}
