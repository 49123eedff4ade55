import { parentPort, workerData } from 'node:worker_threads';
import type { Kernels } from '../../src/kernels/contract.ts';
import type { Buffer, Executable, Slot } from '../../src/kernels/device.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { format } from '../../src/numeric/table.ts';
import type { Answer, Place, Request } from './worker-device.ts';

/** A program with the memory that it works on. */
interface Loaded {
  readonly executable: Executable;
  readonly memory: ReadonlySet<number>;
}

/** The worker's side: memory by number, on a device of arrays. */
class Server {
  readonly #kernels: Kernels;
  readonly #memory = new Map<number, Buffer>();
  readonly #programs = new Map<number, Loaded>();
  /** The first failure: every read behind it tells of it. */
  #failed: Error | undefined;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  async serve(request: Request): Promise<Answer | undefined> {
    try {
      if (this.#failed === undefined) return await this.#do(request);
    } catch (error) {
      this.#failed = error as Error;
    }
    return request.kind === 'read' ? { ticket: request.ticket, error: this.#failed! } : undefined;
  }

  async #do(request: Request): Promise<Answer | undefined> {
    const { device } = this.#kernels;
    switch (request.kind) {
      case 'allocate':
        this.#memory.set(request.id, device.allocate(request.bytes));
        return;
      case 'free':
        this.#free(request.id);
        return;
      case 'write':
        device.write(this.#slot(request.at), request.bytes);
        return;
      case 'decode':
        device.decode(format(request.format), request.blocks, request.columns, this.#slot(request.at));
        return;
      case 'load': {
        const executable = device.load(
          request.program,
          request.slots.map((place) => this.#slot(place)),
        );
        this.#programs.set(request.id, { executable, memory: new Set(request.slots.map(({ id }) => id)) });
        return;
      }
      case 'run':
        this.#program(request.id).run(request.sizes);
        return;
      case 'read': {
        const bytes = new Uint8Array(request.length);
        await device.read(this.#slot(request.at), bytes);
        return { ticket: request.ticket, bytes };
      }
    }
  }

  /** What was freed reads as NaN, and programs that worked on it cannot run any more. */
  #free(id: number): void {
    const buffer = this.#slot({ id, offset: 0 }).buffer;
    this.#kernels.device.write({ buffer }, new Uint8Array(buffer.bytes).fill(0xff));
    this.#kernels.device.free(buffer);
    this.#memory.delete(id);
    for (const [program, { memory }] of this.#programs) if (memory.has(id)) this.#programs.delete(program);
  }

  #slot({ id, offset }: Place): Slot {
    const buffer = this.#memory.get(id);
    if (buffer === undefined) throw new RangeError(`memory ${id} was freed`);
    return { buffer, offset };
  }

  #program(id: number): Executable {
    const loaded = this.#programs.get(id);
    if (loaded === undefined) throw new RangeError(`program ${id} works on memory that was freed`);
    return loaded.executable;
  }
}

const kernels = workerData === 'wasm' ? createWasmKernels({ threads: 1 }) : Promise.resolve(createReferenceKernels());
const server = kernels.then((found) => new Server(found));
/** Requests are served one after the other, in the order sent. */
let last: Promise<unknown> = server;
parentPort!.on('message', (request: Request) => {
  last = last.then(async () => {
    const answer = await (await server).serve(request);
    if (answer !== undefined) parentPort!.postMessage(answer);
  });
});
