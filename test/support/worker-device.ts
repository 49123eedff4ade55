import { Worker } from 'node:worker_threads';
import { Random } from '../../src/core/random.ts';
import type { Buffer, Device, Executable, Slot } from '../../src/kernels/device.ts';
import type { Program, Sizes } from '../../src/kernels/program.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';

/** What the worker is asked to do, in order. Memory and programs have numbers; everything else is copied. */
export type Request =
  | { readonly kind: 'allocate'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'free'; readonly id: number }
  | { readonly kind: 'write'; readonly at: Place; readonly bytes: Uint8Array }
  | { readonly kind: 'read'; readonly at: Place; readonly length: number; readonly ticket: number }
  | {
      readonly kind: 'decode';
      readonly at: Place;
      readonly format: string;
      readonly blocks: Uint8Array;
      readonly columns: number;
    }
  | { readonly kind: 'load'; readonly id: number; readonly program: Program; readonly slots: readonly Place[] }
  | { readonly kind: 'run'; readonly id: number; readonly sizes: Sizes };

/** A place in memory, by number. */
export interface Place {
  readonly id: number;
  readonly offset: number;
}

/** What comes back for every read; an error is that of whatever failed first before it. */
export type Answer =
  | { readonly ticket: number; readonly bytes: Uint8Array; readonly error?: undefined }
  | { readonly ticket: number; readonly error: Error };

export interface WorkerDeviceOptions {
  readonly kernels: 'reference' | 'wasm';
  /** Formats whose blocks are multiplied as they are, default none. */
  readonly packed?: (format: string) => boolean;
  /** Of the turns that answers are kept waiting, which lets later reads overtake earlier ones. */
  readonly seed?: number;
}

/** Most turns of the event loop that an answer is kept waiting. */
const TURNS = 4;

class Handle implements Buffer {
  readonly bytes: number;
  readonly id: number;

  constructor(id: number, bytes: number) {
    this.id = id;
    this.bytes = bytes;
  }
}

/**
 * A device whose memory is out of reach, as a graphics card's is: it lies in a worker, where other kernels run; programs
 * are sent there as data, answers come turns later and not in the order asked for, and what was freed is filled with NaN.
 * Close it, or the process stays alive.
 */
export class WorkerDevice implements Device {
  readonly name: string;
  readonly threads = 1;
  /** Reads answered so far. */
  reads = 0;
  readonly #worker: Worker;
  readonly #random: Random;
  readonly #packed: (format: string) => boolean;
  readonly #waiting = new Map<number, { resolve: (bytes: Uint8Array) => void; reject: (error: Error) => void }>();
  readonly #live = new Map<number, Handle>();
  #next = 0;
  #used = 0;
  #peak = 0;

  constructor({ kernels, packed = () => false, seed = 0 }: WorkerDeviceOptions) {
    this.name = `worker of ${kernels}`;
    this.#random = new Random(seed);
    this.#packed = packed;
    this.#worker = new Worker(new URL('./worker-device-thread.ts', import.meta.url), { workerData: kernels });
    this.#worker.on('message', (answer: Answer) => this.#answer(answer, this.#random.integer(TURNS)));
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  allocate(bytes: number): Buffer {
    const handle = new Handle(this.#next++, bytes);
    this.#live.set(handle.id, handle);
    this.#used += bytes;
    this.#peak = Math.max(this.#peak, this.#used);
    this.#send({ kind: 'allocate', id: handle.id, bytes });
    return handle;
  }

  free(...buffers: readonly Buffer[]): void {
    for (const buffer of buffers) {
      const { id } = this.#place({ buffer });
      this.#live.delete(id);
      this.#used -= buffer.bytes;
      this.#send({ kind: 'free', id });
    }
  }

  write(slot: Slot, values: ArrayBufferView): void {
    this.#send({ kind: 'write', at: this.#place(slot), bytes: bytesOf(values).slice() });
  }

  async read(slot: Slot, into: ArrayBufferView): Promise<void> {
    const ticket = this.#next++;
    const answer = new Promise<Uint8Array>((resolve, reject) => this.#waiting.set(ticket, { resolve, reject }));
    this.#send({ kind: 'read', at: this.#place(slot), length: into.byteLength, ticket });
    bytesOf(into).set(await answer);
  }

  decode(format: NumberFormat, blocks: Uint8Array, columns: number, slot: Slot): void {
    this.#send({ kind: 'decode', at: this.#place(slot), format: format.name, blocks: blocks.slice(), columns });
  }

  supportsPacked(format: string): boolean {
    return this.#packed(format);
  }

  load(program: Program, slots: readonly Slot[]): Executable {
    const id = this.#next++;
    this.#send({ kind: 'load', id, program, slots: slots.map((slot) => this.#place(slot)) });
    return { run: (sizes) => this.#send({ kind: 'run', id, sizes }) };
  }

  memory(): { used: number; peak: number } {
    return { used: this.#used, peak: this.#peak };
  }

  close(): void {
    void this.#worker.terminate();
  }

  #send(request: Request): void {
    this.#worker.postMessage(request);
  }

  /** @throws TypeError for memory of another device, or that was freed */
  #place({ buffer, offset = 0 }: Slot): Place {
    if (!(buffer instanceof Handle) || this.#live.get(buffer.id) !== buffer)
      throw new TypeError('memory is not of this device, or was freed');
    return { id: buffer.id, offset };
  }

  #answer(answer: Answer, turns: number): void {
    if (turns > 0) {
      setImmediate(() => this.#answer(answer, turns - 1));
      return;
    }
    const waiting = this.#waiting.get(answer.ticket);
    this.#waiting.delete(answer.ticket);
    this.reads++;
    if (answer.error === undefined) waiting?.resolve(answer.bytes);
    else waiting?.reject(answer.error);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
