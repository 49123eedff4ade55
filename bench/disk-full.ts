/**
 * Fills a real file system while the main job works on it, at moments spread over its whole time: does it end with one
 * line each time, and does the same command go on once there is room, without measuring a finished block again? Needs root,
 * to mount a file system in memory.
 *
 *     npm run bench -- disk-full
 *     node bench/disk-full.ts [--full=20]
 *
 * A run that writes nothing more after its moment ends as if nothing had been: moments are drawn until so many runs were
 * really stopped by the full disk.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WorkStore } from '../src/store/store.node.ts';
import { smallModelFile } from '../test/pipeline/support.ts';
import { type JobRun, runJob } from '../test/support/kills.ts';
import { mountMemory, noMemoryDisk } from '../test/support/memory-disk.ts';
import { machine } from './support/machine.ts';

const { values: options } = parseArgs({
  options: { full: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** Moments tried for every run that is to be stopped. */
const MOST_TRIES = 4;
/** What is said, and what to do. */
const ONE_LINE = /^bitbudget: .*(disk is full|are free, .*are needed|\(ENOSPC\)).*$/;

const folder = await mkdtemp(join(tmpdir(), 'bitbudget-full-'));
try {
  if (noMemoryDisk) console.log(`skipped: ${noMemoryDisk}`);
  else await fillAll();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function fillAll(): Promise<void> {
  const model = await smallModelFile(folder);
  const alone = await runJob('quantize', { model, output: join(folder, 'alone.gguf'), store: join(folder, 'alone') });
  console.log(`${machine()}; ${alone.stages.length} progress events undisturbed`);
  const wanted = Number(options.full ?? (options.quick ? 5 : 20));
  let [wrong, full, moment] = [0, 0, 0];
  for (; full < wanted && moment < MOST_TRIES * wanted; moment++) {
    // Multiples of the golden ratio are spread evenly however many there are.
    const events = Math.floor(alone.stages.length * ((moment * GOLDEN) % 1));
    const { line, isRight, wasFull } = await fillAt(model, events, alone);
    if (!isRight) wrong++;
    if (wasFull) full++;
    console.log(`${isRight ? 'right' : 'WRONG'}  ${full} of ${wanted}, after ${events} events: ${line}`);
  }
  console.log(`${full} runs were stopped by a full disk; ${wrong} of ${moment} did not go on as they should`);
  if (full < wanted) process.exitCode = 1;
  if (wrong > 0) process.exitCode = 1;
}

/** Fills the disk after so many events, makes room, and runs the same command again. */
async function fillAt(
  model: string,
  events: number,
  alone: JobRun,
): Promise<{ line: string; isRight: boolean; wasFull: boolean }> {
  const disk = mountMemory(folder, '64m');
  try {
    const place = { model, output: join(disk.path, 'out.gguf'), store: join(disk.path, 'store') };
    const full = await runJob('quantize', place, { events, milliseconds: 0, act: disk.fill });
    const wasMeasured = await isMeasured(place.store);
    disk.empty();
    const again = await runJob('quantize', place);
    const measured = again.stages.filter((stage) => stage === 'measuring').length;
    const line = full.stderr.trim();
    const isOneLine = full.digest === alone.digest || ONE_LINE.test(line);
    const isRight = again.digest === alone.digest && isOneLine && (!wasMeasured || measured === 0);
    const wasFull = full.digest === undefined;
    return { wasFull, isRight, line: `${full.stages.at(-1) ?? 'start'}: ${line.replaceAll(disk.path, '') || 'ended'}` };
  } finally {
    disk.unmount();
  }
}

/** Whether the measurement was finished: prices are only begun then. */
async function isMeasured(store: string): Promise<boolean> {
  return (await new WorkStore(store).list()).some(({ step, bytes }) => step === 'prices' && bytes > 500);
}
