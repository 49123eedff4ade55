/** Entry of a kernel thread, in Node (`worker_threads`) and in browsers (module worker). */
import { ARGUMENTS_OFFSET, instantiate, kernelNames, MAXIMUM_ARGUMENTS, waitForChange, word } from './signal.ts';

/** What a thread needs to know; sent once. */
export interface WorkerTask {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Address of the control block (signal.ts). */
  control: number;
  /** Address of this thread's scratch memory. */
  scratch: number;
  ith: number;
  nth: number;
  spin: number;
}

function serve(task: WorkerTask, ready: () => void): void {
  const kernels = instantiate(task.module, task.memory);
  const names = kernelNames(task.module);
  kernels.setScratch(task.scratch);
  const control = new Int32Array(task.memory.buffer, task.control, ARGUMENTS_OFFSET / 4);
  const values = new Float64Array(task.memory.buffer, task.control + ARGUMENTS_OFFSET, MAXIMUM_ARGUMENTS);
  let generation = Atomics.load(control, word.generation);
  ready();
  for (;;) {
    waitForChange(control, word.generation, generation, task.spin);
    generation = Atomics.load(control, word.generation);
    const args = values.subarray(0, control[word.argumentCount]);
    try {
      kernels[names[control[word.kernel]]](...args, task.ith, task.nth);
    } catch {
      Atomics.add(control, word.failed, 1);
    }
    Atomics.add(control, word.finished, 1);
    Atomics.notify(control, word.finished);
  }
}

const workerThreads = globalThis.process?.getBuiltinModule?.('node:worker_threads');
if (workerThreads) {
  const { parentPort, workerData } = workerThreads;
  serve(workerData as WorkerTask, () => parentPort?.postMessage('ready'));
} else {
  globalThis.onmessage = (event: MessageEvent<WorkerTask>) => serve(event.data, () => globalThis.postMessage('ready'));
}
