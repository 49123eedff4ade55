import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Contender, Speed } from './types.ts';

const script = fileURLToPath(new URL('./child.ts', import.meta.url));

/** Starts a contender in its own process and waits until its model is loaded. */
export async function startProcess(kind: 'ours' | 'native', path: string, threads: number): Promise<Contender> {
  const child = fork(script, [kind, path, String(threads)], { execArgv: [] });
  await nextMessage(child);
  return {
    name: kind === 'ours' ? 'bitbudget, Node' : 'llama.cpp, native',
    measure: (workload) => {
      child.send(workload);
      return nextMessage(child) as Promise<Speed>;
    },
    close: async () => void child.kill(),
  };
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null) => reject(new Error(`contender ended with exit code ${code}`));
    child.once('exit', failed);
    child.once('message', (message) => {
      child.off('exit', failed);
      resolve(message);
    });
  });
}
