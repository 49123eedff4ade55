/**
 * Kills processes that keep work, in every step of every verb, and lets the same command go on: does every verb end with
 * the same bytes? Prints how many kills each step of each verb has seen.
 *
 *     npm run bench -- kills [--quick]
 *     node bench/kills.ts [--kills=1000] [--seed=1] [--state=FILE] [--quick]
 *     node bench/kills.ts --tiny [--kills=30] [--state=FILE]
 *
 * `--tiny`: one kill of `quantize` on the embedded model at a time, spread over its whole time, with the processor time of
 * the killed and the resumed run over that of an undisturbed one. `--state`: what was seen is appended to this file, and a
 * bench that is started again with it goes on from there.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/random.ts';
import { smallModelFile } from '../test/pipeline/support.ts';
import { JOBS, type JobName } from '../test/support/kept-job.ts';
import { type JobRun, runJob } from '../test/support/kills.ts';
import { machine } from './support/machine.ts';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string', default: '1' },
    state: { type: 'string' },
    tiny: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
/** Longest wait behind the event that a kill was drawn for: about the time between two. */
const MOST_MS = 40;

/** What one run showed. */
interface Seen {
  readonly verb: JobName;
  /** Step in which it was killed; absent of runs that ended. */
  readonly stage?: string;
  /** Of runs that ended: whether with the bytes of an undisturbed one. */
  readonly isRight?: boolean;
  /** Of kills on the embedded model: processor time, killed and resumed over undisturbed. */
  readonly ratio?: number;
}

const seen: Seen[] =
  options.state !== undefined && existsSync(options.state)
    ? readFileSync(options.state, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Seen)
    : [];

function record(each: Seen): void {
  seen.push(each);
  if (options.state !== undefined) appendFileSync(options.state, `${JSON.stringify(each)}\n`);
}

/** Kills by step. */
function histogram(verb: JobName): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of seen)
    if (each.verb === verb && each.stage !== undefined) counts.set(each.stage, (counts.get(each.stage) ?? 0) + 1);
  return counts;
}

const folder = await mkdtemp(join(tmpdir(), 'bitbudget-kills-'));
try {
  const kills = Number(options.kills ?? (options.tiny ? 30 : options.quick ? 40 : 1000));
  console.log(`${machine()}, seed ${options.seed}, ${kills} kills, ${seen.length} runs seen before`);
  if (options.tiny) await killTiny(kills);
  else {
    const model = await smallModelFile(folder);
    for (const verb of JOBS) await killVerb(verb, model, kills / JOBS.length);
  }
  const wrong = seen.filter(({ isRight }) => isRight === false).length;
  console.log(`${wrong} runs ended with other bytes`);
  if (wrong > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Chains of runs: one is killed in each step in turn, the last of a chain ends. */
async function killVerb(verb: JobName, model: string, kills: number): Promise<void> {
  const at = (name: string) => ({
    model,
    output: join(folder, `${name}.gguf`),
    store: join(folder, `${verb}-${name}`),
  });
  const { digest, stages } = await runJob(verb, at('undisturbed'));
  const steps = [...new Set(stages)];
  const count = (): number => [...histogram(verb).values()].reduce((sum, each) => sum + each, 0);
  const random = new Random(Number(options.seed)).fork(`${verb} ${count()}`);
  while (count() < kills) {
    for (const stage of [undefined, ...steps]) {
      const events = stages.filter((each) => each === stage).length;
      const moment = {
        stage,
        events: stage ? 1 + random.integer(events) : 0,
        milliseconds: random.uniform() * MOST_MS,
      };
      const run = await runJob(verb, at('killed'), moment);
      if (run.isKilled) record({ verb, stage: run.stages.at(-1) ?? 'starting' });
      else end(verb, run, digest);
    }
    end(verb, await runJob(verb, at('killed')), digest);
    await rm(at('killed').store, { recursive: true, force: true });
    console.log(`${verb}: ${[...histogram(verb)].map(([stage, each]) => `${stage} ${each}`).join(', ')}`);
  }
}

function end(verb: JobName, run: JobRun, digest: string | undefined): void {
  record({ verb, isRight: run.digest === digest });
  if (run.digest !== digest) console.log(`${verb}: ${run.digest ?? run.stderr.trim()}, expected ${digest}`);
}

/** One kill at a time, from the first event to the last, each in a store of its own. */
async function killTiny(kills: number): Promise<void> {
  const verb = 'quantize';
  const model = fileURLToPath(new URL('../assets/tiny', import.meta.url));
  const at = (name: string) => ({ model, output: join(folder, `${name}.gguf`), store: join(folder, name) });
  const alone = await runJob(verb, at('undisturbed'));
  for (let kill = seen.length; kill < kills; kill++) {
    const events = Math.floor(((kill + 0.5) * alone.stages.length) / kills);
    const killed = await runJob(verb, at('killed'), { events, milliseconds: 0 });
    const resumed = await runJob(verb, at('killed'));
    const ratio = (killed.milliseconds + resumed.milliseconds) / alone.milliseconds;
    record({ verb, stage: killed.stages.at(-1) ?? 'starting', isRight: resumed.digest === alone.digest, ratio });
    await rm(at('killed').store, { recursive: true, force: true });
    console.log(`${kill + 1} of ${kills}, ${seen.at(-1)!.stage}: ${ratio.toFixed(2)} of the processor time`);
  }
  const ratios = seen.flatMap(({ ratio }) => ratio ?? []);
  console.log(`processor time killed and resumed over undisturbed: at most ${Math.max(...ratios).toFixed(2)}`);
}
