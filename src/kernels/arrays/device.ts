import type { Kernels, PackedMatrix } from '../contract.ts';
import type { Buffer, Device, Executable, Slot } from '../device.ts';
import {
  bytesOfType,
  type Call,
  countOf,
  type Place,
  type Program,
  type Sizes,
  sizeOf,
  symbolsOf,
} from '../program.ts';
import type { View } from './bind.ts';
import { bindings } from './table.ts';

/** Memory of a device on arrays. */
class ArrayMemory implements Buffer {
  readonly bytes: number;
  readonly array: Uint8Array;

  constructor(array: Uint8Array) {
    this.array = array;
    this.bytes = array.byteLength;
  }
}

/** Bound programs that are kept: one token, a whole chunk, and the rest of a prompt. */
const KEPT = 8;

/** Kernels without the device that runs on them. */
export type ArrayKernels = Omit<Kernels, 'device'>;

/** A call that has run. */
export interface TracedCall {
  readonly call: Call;
  readonly program: Program;
  /** On the clock of `performance.now`. */
  readonly start: number;
  readonly milliseconds: number;
}

/** Told of every call behind it. */
export type Trace = (call: TracedCall) => void;

/**
 * Kernels that work on arrays, with a device over them: the reference and WebAssembly.
 * @param trace default: nothing is timed
 */
export function onArrays(kernels: ArrayKernels, trace?: Trace): Kernels {
  return { ...kernels, device: arrayDevice(kernels, trace) };
}

/** Closing it leaves the kernels open. */
function arrayDevice(kernels: ArrayKernels, trace?: Trace): Device {
  return {
    name: kernels.name,
    threads: kernels.threads,
    allocate: (bytes) => new ArrayMemory(kernels.u8(bytes)),
    free: (...buffers) => kernels.free(...buffers.map((buffer) => arrayOf({ buffer }))),
    write: (slot, { buffer, byteOffset, byteLength }) =>
      arrayOf(slot).set(new Uint8Array(buffer, byteOffset, byteLength), 0),
    read: async (slot, { buffer, byteOffset, byteLength }) =>
      new Uint8Array(buffer, byteOffset, byteLength).set(arrayOf(slot).subarray(0, byteLength)),
    decode: (format, blocks, columns, slot) => {
      const values = floats(slot, (blocks.length / format.blockBytes) * format.blockSize);
      const copy = kernels.u8(blocks.length);
      copy.set(blocks);
      try {
        kernels.decode(format, copy, columns, values);
      } finally {
        kernels.free(copy);
      }
    },
    supportsPacked: (format) => kernels.supportsPacked(format),
    load: (program, slots) => new BoundProgram(kernels, program, slots, trace),
    memory: () => kernels.memory(),
    close: () => {},
  };
}

/** The array behind a slot, to the end of its buffer. @throws TypeError for memory of another device */
function arrayOf({ buffer, offset = 0 }: Slot): Uint8Array {
  if (!(buffer instanceof ArrayMemory)) throw new TypeError('memory is not of this device');
  return offset === 0 ? buffer.array : buffer.array.subarray(offset);
}

/** Values in kernel memory that stand at a slot. */
export function floats(slot: Slot, length: number): Float32Array {
  const { buffer, byteOffset } = arrayOf(slot);
  return new Float32Array(buffer, byteOffset, length);
}

type Thunk = (run: Sizes) => void;

class BoundProgram implements Executable {
  readonly #kernels: ArrayKernels;
  readonly #program: Program;
  readonly #slots: readonly Slot[];
  readonly #symbols: readonly string[];
  readonly #bound = new Map<string, readonly Thunk[]>();

  readonly #trace: Trace | undefined;

  constructor(kernels: ArrayKernels, program: Program, slots: readonly Slot[], trace?: Trace) {
    this.#trace = trace;
    this.#kernels = kernels;
    this.#program = program;
    this.#slots = slots;
    // What holds a whole context is seen whole, whatever a run's sizes are.
    this.#symbols = symbolsOf(program).filter((symbol) => symbol !== 'context');
  }

  run(sizes: Sizes): void {
    const key = this.#symbols.map((symbol) => sizes[symbol]).join(' ');
    let thunks = this.#bound.get(key);
    if (thunks === undefined) {
      thunks = this.#bind(sizes);
      if (this.#bound.size === KEPT) this.#bound.delete(this.#bound.keys().next().value!);
      this.#bound.set(key, thunks);
    }
    for (const thunk of thunks) thunk(sizes);
  }

  #bind(run: Sizes): Thunk[] {
    const { capacities, places, calls } = this.#program;
    for (const symbol of this.#symbols)
      if (!(run[symbol] <= capacities[symbol]))
        throw new RangeError(`${symbol} is ${run[symbol]}, the program was made for at most ${capacities[symbol]}`);
    const sizes = { ...run, context: capacities.context };
    const views = places.map((place, i) => viewOf(place, this.#slots[i], sizes));
    return calls.map((call) => {
      const bind = bindings[call.kernel];
      if (bind === undefined) throw new ReferenceError(`kernel ${call.kernel} is not known to ${this.#kernels.name}`);
      const own = Object.fromEntries(Object.entries(call.sizes).map(([name, size]) => [name, sizeOf(size, sizes)]));
      const thunk = bind({
        kernels: this.#kernels,
        views: call.operands.map((operand) => views[operand]),
        sizes: own,
        attributes: call.attributes,
      });
      return this.#traced(call, thunk);
    });
  }

  #traced(call: Call, thunk: Thunk): Thunk {
    const [trace, program] = [this.#trace, this.#program];
    if (trace === undefined) return thunk;
    return (run) => {
      const start = performance.now();
      thunk(run);
      trace({ call, program, start, milliseconds: performance.now() - start });
    };
  }
}

/** A place as kernels take it: an array of its length at these sizes, or a matrix of blocks. */
function viewOf(place: Place, slot: Slot, sizes: Sizes): View {
  const { buffer, byteOffset, byteLength } = arrayOf(slot);
  if (place.kind === 'weight') {
    const [rows, columns] = place.shape;
    // Of tables that are looked up, only the rows that are may be there.
    if (place.format === undefined) return new Float32Array(buffer, byteOffset, byteLength / 4);
    const blocks = new Uint8Array(buffer, byteOffset, byteLength);
    return { format: place.format, blocks, rows, columns } satisfies PackedMatrix;
  }
  const count = countOf(place.shape, sizes);
  if (count * bytesOfType[place.type] > byteLength)
    throw new RangeError(`a place of ${count} values lies in ${byteLength} bytes`);
  switch (place.type) {
    case 'f32':
      return new Float32Array(buffer, byteOffset, count);
    case 'f64':
      return new Float64Array(buffer, byteOffset, count);
    case 'i32':
      return new Int32Array(buffer, byteOffset, count);
    case 'u8':
      return new Uint8Array(buffer, byteOffset, count);
  }
}
