/**
 * The control block that the calling thread and its workers share, int32 words in kernel memory. The caller writes
 * kernel and arguments, zeroes `finished` and steps `generation`; each worker runs its share and adds one to `finished`,
 * and to `failed` when the kernel trapped.
 */
export const word = { generation: 0, kernel: 1, argumentCount: 2, finished: 3, failed: 4 } as const;
/** Float64 arguments start here; a line of its own for each side avoids false sharing. */
export const ARGUMENTS_OFFSET = 128;
export const MAXIMUM_ARGUMENTS = 30;
export const CONTROL_BYTES = ARGUMENTS_OFFSET + MAXIMUM_ARGUMENTS * 8;

/**
 * How long a thread watches a word before it sleeps. Measured on a 2-core server: a wake-up costs 30 to 60 µs, the gap
 * between two kernels of one layer is below 20 µs.
 */
export const SPIN_MILLISECONDS = 0.05;
/** Looks at the word between two looks at the clock, which costs as much as some thirty looks. */
const LOOKS_PER_CLOCK = 64;

/** Waits until `control[index]` differs from `value`; watches for `spin` milliseconds, then sleeps. */
export function waitForChange(control: Int32Array, index: number, value: number, spin: number): void {
  if (spin > 0) {
    const until = performance.now() + spin;
    do {
      for (let look = 0; look < LOOKS_PER_CLOCK; look++) if (Atomics.load(control, index) !== value) return;
    } while (performance.now() < until);
  }
  while (Atomics.load(control, index) === value) Atomics.wait(control, index, value);
}

export type KernelFunction = (...args: number[]) => void;

/** Functions of an instance that take a share of work, in an order that is the same on every thread. */
export function kernelNames(module: WebAssembly.Module): string[] {
  const functions = WebAssembly.Module.exports(module).filter((entry) => entry.kind === 'function');
  return functions.map((entry) => entry.name).sort();
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Record<string, KernelFunction> {
  // Only imported by builds with a kernel that can throw.
  const abort = () => {
    throw new Error('kernel aborted');
  };
  return new WebAssembly.Instance(module, { env: { memory, abort } }).exports as Record<string, KernelFunction>;
}
