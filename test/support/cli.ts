import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

let cache: string | undefined;

/** Where commands of one test process keep their work: never the user's own folder. */
function cacheFolder(): string {
  if (cache === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'bitbudget-cache-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    cache = made;
  }
  return cache;
}

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface CliOptions {
  /** Standard input, default none. */
  readonly input?: string;
  readonly env?: Record<string, string>;
}

/** Runs the command line from source as a user would. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).result;
}

/** The same, with a way to press Ctrl-C. */
export function startCli(
  args: readonly string[],
  options: CliOptions = {},
): { readonly result: Promise<CliResult>; readonly interrupt: (signal?: NodeJS.Signals) => void } {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, XDG_CACHE_HOME: cacheFolder(), ...options.env },
  });
  child.stdin.on('error', () => {}); // a command may end before it reads
  child.stdin.end(options.input ?? '');
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...end) => resolve(end)),
  );
  const result = Promise.all([text(child.stdout), text(child.stderr), ended]).then(
    ([stdout, stderr, [code, signal]]): CliResult => ({ code, signal, stdout, stderr }),
  );
  return { result, interrupt: (signal = 'SIGINT') => void child.kill(signal) };
}
