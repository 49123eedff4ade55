import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Random } from '../../src/core/random.ts';
import { smallModelFile, temporaryFolder } from './support.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const KILLS = 20;

test(`killed at ${KILLS} random moments, quantize goes on and ends with the same bytes`, async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const expected = join(folder, 'expected.gguf');
  const start = performance.now();
  assert.equal(await quantize(source, expected, join(folder, 'work-expected')), 0);
  const whole = performance.now() - start;
  const random = new Random(7);
  const output = join(folder, 'killed.gguf');
  const work = join(folder, 'work-killed');
  let kills = 0;
  for (let attempt = 0; kills < KILLS && attempt < 4 * KILLS; attempt++) {
    const code = await quantize(source, output, work, random.uniform() * whole);
    if (code === null) kills++;
    else await startOver(expected, output, work);
  }
  assert.equal(kills, KILLS);
  assert.equal(await quantize(source, output, work), 0);
  assert.deepEqual(await readFile(output), await readFile(expected));
  assert.ok(readdirSync(folder).filter((name) => name.endsWith('.partial')).length <= KILLS);
});

/** A run that ended before it was killed must be right; the next one begins from nothing. */
async function startOver(expected: string, output: string, work: string): Promise<void> {
  assert.deepEqual(await readFile(output), await readFile(expected));
  await rm(output);
  if (existsSync(work)) await rm(work, { recursive: true });
}

/** @returns the exit code, null when it was killed after `milliseconds` */
async function quantize(model: string, output: string, work: string, milliseconds?: number): Promise<number | null> {
  const args = ['quantize', model, '--target-bpw', '7', '-o', output, '--work-dir', work, '--yes', '--quiet'];
  const tokens = ['--calibration-tokens', '512', '--evaluation-tokens', '512', '--threads', '1'];
  const child = spawn(process.execPath, [main, ...args, ...tokens], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  if (milliseconds !== undefined) {
    await Promise.race([sleep(milliseconds), ended]);
    child.kill('SIGKILL');
  }
  return ended;
}
