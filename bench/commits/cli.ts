import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Checkout } from './types.ts';

/** What a run of a commit's command line said, and how long it took. */
export interface CliRun {
  readonly stdout: string;
  readonly stderr: string;
  /** From starting the process to its first output, in ms. */
  readonly firstOutput: number;
  /** To its end, in ms. */
  readonly whole: number;
}

/** Runs a verb of a commit. @throws Error when it fails */
export function runCli({ name, root }: Checkout, args: readonly string[]): Promise<CliRun> {
  const begin = performance.now();
  const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const elapsed = () => performance.now() - begin;
  let [stdout, stderr] = ['', ''];
  let firstOutput = Number.NaN;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (stdout === '') firstOutput = elapsed();
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve({ stdout, stderr, firstOutput, whole: elapsed() });
      else reject(new Error(`${name}: bitbudget ${args.join(' ')}: exit code ${code}: ${stderr}`));
    });
  });
}
