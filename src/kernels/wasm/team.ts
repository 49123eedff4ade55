import { Allocator } from './allocator.ts';
import { availableCores, canShareMemory, type KernelBuild, startThread, type ThreadHandle } from './platform.ts';
import {
  ARGUMENTS_OFFSET,
  CONTROL_BYTES,
  instantiate,
  type KernelFunction,
  kernelNames,
  MAXIMUM_ARGUMENTS,
  SPIN_MILLISECONDS,
  waitForChange,
  word,
} from './signal.ts';

/** Scratch of one thread: packed panels of both operands of a matrix product (assembly/gemm.ts). */
export const SCRATCH_BYTES = 2 * 2 ** 20;

/** Work below this is done by the caller alone: waking a thread would cost more. In operations, see `dispatch`. */
const WORTH_SHARING = 2e5;

type AnyArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Threads over one memory, and that memory. What the files of kernels beside this one are written on. */
export interface Team {
  readonly threads: number;
  readonly memory: WebAssembly.Memory;
  readonly build: KernelBuild;
  /**
   * Runs the exported kernel `name(...args, ith, nth)` on every thread and waits for all.
   * @param args addresses in bytes, sizes, factors: all numbers of the kernel except its share
   * @param work about how many multiply-adds (or values touched) it takes; little work stays on the calling thread
   */
  dispatch(name: string, args: number[], work: number): void;
  /** Address of an array of this memory. @throws TypeError for an array of other memory */
  readonly address: (array: AnyArray) => number;
  /** Memory of unknown content, 64-byte aligned; `scope` frees it like everything else. */
  allocate(bytes: number): number;
  /** Memory of zeros for tables that serve as long as the team; no scope frees it, and statistics leave it out. */
  allocateTable(bytes: number): number;
  release(address: number): void;
  scope<T>(work: () => T): T;
  /** Bytes in use now and at the highest, without the team's own. */
  statistics(): { used: number; peak: number };
  close(): void;
}

export interface TeamOptions {
  /** Default: all available cores; 1 where memory cannot be shared. */
  threads?: number;
  /** Most bytes of memory, default and at most 4 GiB. */
  maximumBytes?: number;
}

/** A shared memory of at most `maximumBytes`, or of what the system reserves address space for. */
function createMemory(maximumBytes: number): { memory: WebAssembly.Memory; maximumBytes: number } {
  for (let pages = Math.min(65536, Math.ceil(maximumBytes / 65536)); ; pages >>= 1) {
    try {
      return {
        memory: new WebAssembly.Memory({ initial: 1, maximum: pages, shared: true }),
        maximumBytes: pages * 65536,
      };
    } catch (cause) {
      if (pages <= 1024)
        throw new RangeError('kernel memory cannot be reserved: no 64 MiB of address space', { cause });
    }
  }
}

export async function createTeam(
  module: WebAssembly.Module,
  build: KernelBuild,
  options: TeamOptions = {},
): Promise<Team> {
  const cores = availableCores();
  const threads = canShareMemory() ? Math.max(1, Math.floor(options.threads ?? cores)) : 1;
  const { memory, maximumBytes } = createMemory(options.maximumBytes ?? 2 ** 32);
  const kernels = instantiate(module, memory);
  const base = (kernels.heapBase as unknown as () => number)();
  const allocator = new Allocator(memory, base, maximumBytes);
  const control = allocator.allocate(CONTROL_BYTES);
  const scratch = Array.from({ length: threads }, () => allocator.allocate(SCRATCH_BYTES));
  new Uint8Array(memory.buffer, control, CONTROL_BYTES).fill(0);
  kernels.setScratch(scratch[0]);
  // Watching a word helps only while every thread has a core of its own.
  const spin = threads > 1 && threads <= cores ? SPIN_MILLISECONDS : 0;
  const handles: ThreadHandle[] = [];
  for (let ith = 1; ith < threads; ith++) {
    handles.push(startThread({ module, memory, control, scratch: scratch[ith], ith, nth: threads, spin }));
  }
  try {
    await Promise.all(handles.map((handle) => handle.ready));
  } catch (error) {
    for (const handle of handles) handle.end();
    throw error;
  }
  return new ThreadTeam({ kernels, names: kernelNames(module), build, allocator, control, handles, spin });
}

interface Parts {
  kernels: Record<string, KernelFunction>;
  names: string[];
  build: KernelBuild;
  allocator: Allocator;
  control: number;
  handles: ThreadHandle[];
  spin: number;
}

class ThreadTeam implements Team {
  readonly threads: number;
  readonly memory: WebAssembly.Memory;
  readonly build: KernelBuild;
  readonly #parts: Parts;
  readonly #indexes: Map<string, number>;
  readonly #control: Int32Array;
  readonly #values: Float64Array;
  #ownBytes: number;
  /** Buffers of this memory before it grew last; arrays on them stay valid. */
  readonly #buffers = new WeakSet<object>();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.threads = parts.handles.length + 1;
    this.memory = parts.allocator.memory;
    this.build = parts.build;
    this.#indexes = new Map(parts.names.map((name, index) => [name, index]));
    this.#control = new Int32Array(this.memory.buffer, parts.control, ARGUMENTS_OFFSET / 4);
    this.#values = new Float64Array(this.memory.buffer, parts.control + ARGUMENTS_OFFSET, MAXIMUM_ARGUMENTS);
    this.#ownBytes = parts.allocator.statistics.used;
  }

  dispatch(name: string, args: number[], work: number): void {
    const index = this.#indexes.get(name);
    if (index === undefined)
      throw new ReferenceError(`kernel ${name} is not in this build; run \`npm run build:kernels\``);
    if (this.#closed) throw new Error(`kernel ${name} was called after close()`);
    const kernel = this.#parts.kernels[name];
    const others = this.threads - 1;
    if (others === 0 || work < WORTH_SHARING) {
      kernel(...args, 0, 1);
      return;
    }
    const control = this.#control;
    this.#values.set(args);
    control[word.kernel] = index;
    control[word.argumentCount] = args.length;
    control[word.finished] = 0;
    control[word.failed] = 0;
    Atomics.add(control, word.generation, 1);
    Atomics.notify(control, word.generation);
    try {
      kernel(...args, 0, this.threads);
    } finally {
      this.#join(others);
    }
    if (control[word.failed] > 0) throw new Error(`kernel ${name}(${args.join(', ')}) trapped: an array is too short`);
  }

  #join(others: number): void {
    const control = this.#control;
    for (let done = Atomics.load(control, word.finished); done < others; done = Atomics.load(control, word.finished)) {
      waitForChange(control, word.finished, done, this.#parts.spin);
    }
  }

  // A property, so that it can be handed on without its team.
  readonly address = (array: AnyArray): number => {
    if (array.buffer !== this.memory.buffer && !this.#buffers.has(array.buffer)) {
      throw new TypeError('array is not in the memory of the kernels; copy it with upload()');
    }
    return array.byteOffset;
  };

  allocate(bytes: number): number {
    this.#buffers.add(this.memory.buffer);
    return this.#parts.allocator.allocate(bytes);
  }

  allocateTable(bytes: number): number {
    const address = this.allocate(bytes);
    this.#ownBytes += this.#parts.allocator.keep(address);
    new Uint8Array(this.memory.buffer, address, bytes).fill(0);
    return address;
  }

  release(address: number): void {
    this.#parts.allocator.free(address);
  }

  scope<T>(work: () => T): T {
    return this.#parts.allocator.scope(work);
  }

  statistics(): { used: number; peak: number } {
    const { used, peak } = this.#parts.allocator.statistics;
    return { used: used - this.#ownBytes, peak: peak - this.#ownBytes };
  }

  close(): void {
    this.#closed = true;
    for (const handle of this.#parts.handles) handle.end();
    this.#parts.handles.length = 0;
  }
}
