import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { JobName } from './kept-job.ts';

const script = fileURLToPath(new URL('./kept-job.ts', import.meta.url));

export interface JobRun {
  /** Digest of what was made; absent when the process was killed before. */
  readonly digest?: string;
  /** Stages of its progress events, in order. */
  readonly stages: readonly string[];
  readonly isKilled: boolean;
  readonly stderr: string;
  /** Processor time, ms: as the process tells it at its end, or as the system knew it when it was killed. */
  readonly milliseconds: number;
}

/** When something is done to a process: so many progress events and milliseconds after its start. */
export interface Moment {
  readonly events: number;
  /** Whose events count; default all. */
  readonly stage?: string;
  readonly milliseconds: number;
  /** Default: it is killed with SIGKILL. */
  readonly act?: () => void;
}

/** Runs one job as a process, disturbed at a moment if it is not done before. */
export async function runJob(
  verb: JobName,
  { model, output, store }: { readonly model: string; readonly output: string; readonly store: string },
  moment?: Moment,
): Promise<JobRun> {
  const child = spawn(process.execPath, [script, verb, model, output, store], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)));
  const stages: string[] = [];
  let digest: string | undefined;
  let [milliseconds, counted] = [0, 0];
  const kill = (): void => {
    milliseconds = processorTime(child.pid);
    child.kill('SIGKILL');
  };
  const act = moment?.act ?? kill;
  const disturb = async (): Promise<void> => {
    await Promise.race([sleep(moment!.milliseconds), ended]);
    act();
  };
  if (moment?.events === 0) void disturb();
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith('done ')) digest = line.slice(5);
    else if (line.startsWith('used ')) milliseconds = Number(line.slice(5));
    else {
      stages.push(line);
      const counts = moment !== undefined && (moment.stage === undefined || moment.stage === line);
      if (counts && ++counted === moment.events) void disturb();
    }
  }
  return { digest, stages, isKilled: (await ended) === 'SIGKILL', stderr, milliseconds };
}

/** Clock ticks of Linux in a second, whatever the machine. */
const TICKS = 100;

/** Of a process that runs, in ms; 0 where the system does not tell. */
function processorTime(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
  } catch {
    return 0;
  }
}
