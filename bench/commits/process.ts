import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Checkout, Job, OperationName, Result } from './types.ts';

const script = fileURLToPath(new URL('./child.ts', import.meta.url));

/** A commit in a process of its own that carries out operations, one at a time. */
export class CommitProcess {
  readonly checkout: Checkout;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  constructor(checkout: Checkout) {
    this.checkout = checkout;
    this.#child = spawn(process.execPath, [script, checkout.root], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  /** @throws Error with what the commit's process said when it failed, or ended */
  async ask<Name extends OperationName>(name: Name, job: Job<Name>): Promise<Result<Name>> {
    this.#child.stdin.write(`${JSON.stringify({ name, job }, jsonArray)}\n`);
    const { result, error } = JSON.parse(await this.#line()) as { result: Result<Name>; error?: string };
    if (error !== undefined) throw new Error(`${this.checkout.name}: ${name}: ${error}`);
    return result;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    await ended;
  }

  #line(): Promise<string> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`${this.checkout.name}: its process ended`));
      this.#lines.once('close', ended);
      this.#lines.once('line', (line) => {
        this.#lines.off('close', ended);
        resolve(line);
      });
    });
  }
}

/** Runs work with both commits' processes, and ends them. */
export async function withProcesses<T>(
  checkouts: readonly [Checkout, Checkout],
  work: (base: CommitProcess, head: CommitProcess) => Promise<T>,
): Promise<T> {
  const [base, head] = checkouts.map((checkout) => new CommitProcess(checkout));
  try {
    return await work(base, head);
  } finally {
    await Promise.all([base.close(), head.close()]);
  }
}

function jsonArray(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value;
}
