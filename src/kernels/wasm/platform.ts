import { locatedAsset } from '../../core/assets.ts';
import { BitbudgetError } from '../../core/errors.ts';
import type { WorkerTask } from './worker.ts';

/** The builds of `assembly/`, fastest first. */
export const builds = ['relaxed', 'simd', 'scalar'] as const;
export type KernelBuild = (typeof builds)[number];

/** A thread that can be started and ended; it reports `'ready'` once. */
export interface ThreadHandle {
  readonly ready: Promise<void>;
  end(): void;
}

/**
 * Node's own modules without an import statement, which a browser's module loader or a bundler would stumble over;
 * undefined in browsers.
 */
const builtin = globalThis.process?.getBuiltinModule?.bind(globalThis.process);

/**
 * The worker beside this file, with its ending: `.ts` when run from source, `.js` from `dist`. A whole address: bundlers for browsers
 * would look for what is relative.
 */
const nodeWorker = import.meta.url.replace(/[^/]*(\.[jt]s)$/, 'worker$1');

/**
 * Both `src/kernels/wasm` and `dist/kernels/wasm` lie three folders below the package's root. Each address stands by itself, so that
 * bundlers see the file.
 */
const buildUrls: Readonly<Record<KernelBuild, () => URL>> = {
  relaxed: () => new URL('../../../build/kernels.relaxed.wasm', import.meta.url),
  simd: () => new URL('../../../build/kernels.simd.wasm', import.meta.url),
  scalar: () => new URL('../../../build/kernels.scalar.wasm', import.meta.url),
};

export async function loadBuild(build: KernelBuild): Promise<BufferSource> {
  const url = locatedAsset(`kernels.${build}.wasm`) ?? buildUrls[build]();
  if (builtin && url.protocol === 'file:') {
    try {
      return builtin('node:fs').readFileSync(url) as Uint8Array<ArrayBuffer>;
    } catch (cause) {
      throw new Error(`kernels ${url.pathname} cannot be read; build them with \`npm run build:kernels\``, { cause });
    }
  }
  const response = await fetch(url);
  if (!response.ok || response.headers.get('content-type')?.startsWith('text/html'))
    throw new BitbudgetError(
      `kernels ${url}: cannot be fetched (HTTP ${response.status}); serve the package's files, and say where with locateAssets`,
      { code: 'assets' },
    );
  return await response.arrayBuffer();
}

export function availableCores(): number {
  return builtin ? builtin('node:os').availableParallelism() : (globalThis.navigator?.hardwareConcurrency ?? 1);
}

/** Whether threads can share this memory: in browsers only on cross-origin isolated pages. */
export function canShareMemory(): boolean {
  return builtin !== undefined || (globalThis.crossOriginIsolated === true && typeof Worker === 'function');
}

export function startThread(task: WorkerTask): ThreadHandle {
  return builtin ? startNodeThread(builtin('node:worker_threads'), task) : startBrowserThread(task);
}

function startNodeThread({ Worker }: typeof import('node:worker_threads'), task: WorkerTask): ThreadHandle {
  const worker = new Worker(new URL(nodeWorker), { workerData: task, execArgv: [] });
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('message', () => {
      worker.unref();
      resolve();
    });
    worker.once('error', reject);
  });
  return { ready, end: () => void worker.terminate() };
}

function startBrowserThread(task: WorkerTask): ThreadHandle {
  const located = locatedAsset('kernel-thread.js');
  // Bundlers know a worker by these words, and need them whole.
  const worker =
    located === undefined
      ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
      : new Worker(located, { type: 'module' });
  const ready = new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => reject(new Error(`kernel thread failed: ${event.message}`));
  });
  worker.postMessage(task);
  return { ready, end: () => worker.terminate() };
}
