/**
 * Kills processes that keep work, at moments spread over their whole time, and lets the same command go on: does every
 * verb end with the same bytes? Prints how many kills each step of each verb has seen.
 *
 *     npm run bench -- kills [--quick]
 *     node bench/kills.ts [--kills=1000] [--seed=1] [--quick]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/random.ts';
import { smallModelFile } from '../test/pipeline/support.ts';
import { JOBS } from '../test/support/kept-job.ts';
import { runJob } from '../test/support/kills.ts';
import { machine } from './support/machine.ts';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
  },
});
const kills = Number(options.kills ?? (options.quick ? 40 : 1000));
/** Longest wait behind the event that a kill was drawn for: about the time between two. */
const MOST_MS = 40;

const folder = await mkdtemp(join(tmpdir(), 'bitbudget-kills-'));
try {
  const model = await smallModelFile(folder);
  const random = new Random(Number(options.seed));
  console.log(`${machine()}, seed ${options.seed}, ${kills} kills`);
  let wrong = 0;
  for (const verb of JOBS) {
    const at = (name: string) => ({
      model,
      output: join(folder, `${name}.gguf`),
      store: join(folder, `${verb}-${name}`),
    });
    const { digest, stages } = await runJob(verb, at('undisturbed'));
    const histogram = new Map<string, number>();
    let ended = 0;
    for (let done = 0; done < kills / JOBS.length; ) {
      const moment = { events: random.integer(stages.length + 1), milliseconds: random.uniform() * MOST_MS };
      const run = await runJob(verb, at('killed'), moment);
      if (run.isKilled) {
        const stage = run.stages.at(-1) ?? 'starting';
        histogram.set(stage, (histogram.get(stage) ?? 0) + 1);
        done++;
        continue;
      }
      ended++;
      if (run.digest !== digest) {
        wrong++;
        console.log(`${verb}: ${run.digest ?? run.stderr.trim()}, expected ${digest}`);
      }
      await rm(at('killed').store, { recursive: true, force: true });
    }
    const last = await runJob(verb, at('killed'));
    ended++;
    if (last.digest !== digest) wrong++;
    console.log(`${verb}: ${[...histogram].map(([stage, count]) => `${stage} ${count}`).join(', ')}; ${ended} ended`);
  }
  console.log(`${wrong} runs ended with other bytes`);
  if (wrong > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
