/**
 * What `quantize` tells before it begins, beside what it takes: seconds, memory and disk, and what progress tells while it
 * runs: the time left when a quarter and half of it have passed. On every model named (the embedded one by default) and
 * number of threads, in a store of its own.
 *
 *     npm run bench -- told
 *     node bench/told.ts [MODEL…] [--threads=1,2] [--runs=2] [--bits=4.5]
 *
 * Beside other work seconds mean little; the share of the job that progress tells when a quarter and half of its processor
 * time is used is the same on a busy machine.
 *
 * The first run of a machine is told from built-in factors, later ones from what the earlier ones took. `--quick`: one run,
 * two threads, fewer tokens.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Job, outlineOf } from '../src/cli/support/job.ts';
import { openModel } from '../src/model/open.node.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import type { Forecast } from '../src/pipeline/preflight/types.ts';
import { quantizeModel } from '../src/pipeline/quantize.ts';
import { calibrationTokens, heldOutTokens } from '../src/pipeline/texts.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string' },
    runs: { type: 'string' },
    bits: { type: 'string', default: '4.5' },
    quick: { type: 'boolean', default: false },
    /** What child processes get: model, output, store. */
    job: { type: 'boolean', default: false },
  },
});

/** One job as a process of its own: its forecast, and at the end its peak memory, as lines of JSON. */
async function runJob([path, output, folder]: readonly string[]): Promise<void> {
  const model = await openModel(path);
  const [calibrated, evaluated] = options.quick ? [4096, 1024] : [16384, 8192];
  const job = new Job({}, () => performance.now());
  const moments: Moment[] = [];
  let began = 0;
  await quantizeModel(nodeHost, model, {
    ...{ output, folder, rounding: 'gptq', threads: Number(options.threads) },
    target: { kind: 'budgets', wishes: { bitsPerWeight: Number(options.bits) } },
    calibration: () => calibrationTokens(nodeHost, model, { tokens: calibrated }, 0),
    evaluation: () => heldOutTokens(nodeHost, model, { tokens: evaluated }),
    peers: { measure: false, models: [] },
    onForecast: (forecast) => {
      console.log(JSON.stringify(forecast));
      job.expect(outlineOf(forecast));
      began = performance.now();
    },
    onProgress: (event) => {
      const { share, remaining } = job.update(event);
      if (began > 0) moments.push({ at: performance.now() - began, used: processorTime(), share, left: remaining! });
    },
  });
  const ended = { at: performance.now() - began, used: processorTime() };
  const told = [0.25, 0.5].map((part): ToldLeft => {
    const passed = moments.findLast(({ at }) => at <= part * ended.at) ?? moments[0];
    const used = moments[0].used + part * (ended.used - moments[0].used);
    return {
      part,
      left: passed.left / (ended.at - passed.at),
      share: (moments.findLast((moment) => moment.used <= used) ?? moments[0]).share,
    };
  });
  console.log(JSON.stringify({ peak: 1024 * process.resourceUsage().maxRSS, told }));
}

/** What progress told at a moment: ms since the forecast and of the processor, share done, ms left. */
interface Moment {
  readonly at: number;
  readonly used: number;
  readonly share: number;
  readonly left: number;
}

/** What was told when a part of the job had passed. */
interface ToldLeft {
  readonly part: number;
  /** Time left as told over what was left, by the clock. */
  readonly left: number;
  /** Share told when the part of the processor time was used. */
  readonly share: number;
}

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

interface Taken {
  readonly forecast: Forecast;
  readonly seconds: number;
  readonly peak: number;
  readonly told: readonly ToldLeft[];
  /** Most bytes on the disk at once. */
  readonly disk: number;
}

async function takeOne(path: string, threads: string, work: string): Promise<Taken> {
  const script = fileURLToPath(import.meta.url);
  const flags = ['--job', `--threads=${threads}`, `--bits=${options.bits}`, ...(options.quick ? ['--quick'] : [])];
  const place = [path, join(work, 'out.gguf'), join(work, 'store')];
  const child = spawn(process.execPath, [script, ...flags, ...place], { stdio: ['ignore', 'pipe', 'inherit'] });
  let disk = 0;
  const timer = setInterval(async () => {
    disk = Math.max(disk, await sizeOf(work));
  }, 200);
  let [forecast, peak, began] = [undefined as Forecast | undefined, 0, 0];
  let told: readonly ToldLeft[] = [];
  for await (const line of createInterface(child.stdout)) {
    const value = JSON.parse(line) as Forecast & { peak?: number; told: readonly ToldLeft[] };
    if (value.peak === undefined) [forecast, began] = [value, performance.now()];
    else [peak, told] = [value.peak, value.told];
  }
  clearInterval(timer);
  return { forecast: forecast!, seconds: (performance.now() - began) / 1000, peak, told, disk };
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true }).catch(() => []))
    bytes += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  return bytes;
}

function ratio(actual: number, told: number, unit: number): string {
  return `${(told / unit).toFixed(0)} told, ${(actual / unit).toFixed(0)} taken (${(actual / told).toFixed(2)})`;
}

async function compare(): Promise<void> {
  const paths = positionals.length > 0 ? positionals : [fileURLToPath(new URL('../assets/tiny', import.meta.url))];
  console.log(machine());
  for (const path of paths)
    for (const threads of (options.threads ?? (options.quick ? '2' : '1,2')).split(',')) {
      const work = await mkdtemp(join(tmpdir(), 'bitbudget-told-'));
      try {
        for (let run = 0; run < Number(options.runs ?? (options.quick ? 1 : 2)); run++) {
          const { forecast, seconds, peak, told, disk } = await takeOne(path, threads, work);
          const most = forecast.keptBytes + Math.max(forecast.temporaryBytes, forecast.outputBytes);
          console.log(
            `${path}, ${threads} threads, run ${run + 1}: seconds ${ratio(seconds, forecast.seconds, 1)}; ` +
              `memory, MB ${ratio(peak, forecast.memoryBytes, 1e6)}; disk, MB ${ratio(disk, most, 1e6)}`,
          );
          for (const { part, left, share } of told)
            console.log(
              `  at ${100 * part} % of its time: ${left.toFixed(2)} of the time left is told; ` +
                `at ${100 * part} % of its processor time: ${(100 * share).toFixed(0)} % is told to be done`,
            );
          // The next run is told from this machine's times, and does all the work again.
          for (const name of await readdir(join(work, 'store', 'v1')))
            if (!name.startsWith('speed')) await rm(join(work, 'store', 'v1', name), { recursive: true });
        }
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    }
}

if (options.job) await runJob(positionals);
else await compare();
