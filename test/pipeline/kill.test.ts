import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { JobName } from '../support/kept-job.ts';
import { runJob } from '../support/kills.ts';
import { smallModelFile, temporaryFolder } from './support.ts';

/** By verb, spread over their whole time. */
const KILLS: readonly (readonly [JobName, number])[] = [
  ['quantize', 24],
  ['plan', 10],
  ['measure', 6],
];

for (const [verb, wanted] of KILLS)
  test(`killed at ${wanted} moments from start to end, ${verb} goes on and ends with the same bytes`, async (context) => {
    const folder = await temporaryFolder(context);
    const model = await smallModelFile(folder);
    const at = (name: string) => ({ model, output: join(folder, `${name}.gguf`), store: join(folder, name) });
    const { digest, stages, stderr } = await runJob(verb, at('undisturbed'));
    assert.ok(digest !== undefined && stages.length > wanted / 2, stderr);
    const random = new Random(7);
    const place = at('killed');
    let kills = 0;
    for (let attempt = 0; kills < wanted; attempt++) {
      assert.ok(attempt < 4 * wanted, `${kills} kills of ${attempt} runs`);
      const events = Math.floor((stages.length * (attempt % wanted)) / wanted);
      const run = await runJob(verb, place, { events, milliseconds: random.uniform() * 40 });
      if (run.isKilled) kills++;
      else {
        assert.equal(run.digest, digest, run.stderr);
        // The next one begins from nothing.
        await rm(place.store, { recursive: true });
      }
    }
    assert.equal((await runJob(verb, place)).digest, digest);
    assert.ok(globSync('.*.partial', { cwd: folder }).length <= 1, 'what killed writers left is removed');
  });
