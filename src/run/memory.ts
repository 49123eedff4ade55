import { constantValues } from '../graph/constants.ts';
import type { Recipe, Shape } from '../graph/types.ts';
import type { Buffer, Device } from '../kernels/device.ts';
import { type Sizes, sizeOf } from '../kernels/program.ts';
import type { ModelTensor } from '../model/types.ts';
import { format } from '../numeric/table.ts';

/** Values that are read and decoded at a time. */
const CHUNK_VALUES = 2 ** 22;

/** Memory of a device that several programs share: weights, constants and states, by name. */
export class SharedMemory {
  readonly device: Device;
  readonly #weights = new Map<string, Buffer>();
  readonly #constants = new Map<string, Buffer>();
  readonly #states = new Map<string, Buffer>();

  constructor(device: Device) {
    this.device = device;
  }

  /**
   * Loads a tensor, once: its blocks as they are, or its values as float32.
   * @param packed whether to keep the blocks
   */
  async load(tensor: ModelTensor, packed = false): Promise<void> {
    if (this.#weights.has(tensor.name)) return;
    this.#weights.set(tensor.name, await (packed ? loadBlocks(this.device, tensor) : loadFloats(this.device, tensor)));
  }

  /** Takes values in the place of a tensor. */
  set(name: string, values: ArrayBufferView): void {
    this.drop(name);
    const buffer = this.device.allocate(values.byteLength);
    this.device.write({ buffer }, values);
    this.#weights.set(name, buffer);
  }

  /** Gives tensors back that are there. */
  drop(...names: readonly string[]): void {
    for (const name of names) {
      const buffer = this.#weights.get(name);
      if (buffer) this.device.free(buffer);
      this.#weights.delete(name);
    }
  }

  /** @throws RangeError for a tensor that was not loaded */
  weight(name: string): Buffer {
    const found = this.#weights.get(name);
    if (found === undefined) throw new RangeError(`weight ${name} is not loaded`);
    return found;
  }

  constant(recipe: Recipe, shape: Shape, capacities: Sizes): Buffer {
    const bound = shape.map((size) => sizeOf(size, capacities));
    const key = constantKey(recipe, shape, capacities);
    let found = this.#constants.get(key);
    if (found === undefined) {
      const values = constantValues(recipe, bound);
      found = this.device.allocate(values.byteLength);
      this.device.write({ buffer: found }, values);
      this.#constants.set(key, found);
    }
    return found;
  }

  /** Zeroed when it is asked for first. */
  state(name: string, bytes: number): Buffer {
    const found = this.#states.get(name) ?? this.device.allocate(bytes);
    this.#states.set(name, found);
    return found;
  }

  dropStates(...names: readonly string[]): void {
    for (const name of names) {
      const buffer = this.#states.get(name);
      if (buffer) this.device.free(buffer);
      this.#states.delete(name);
    }
  }

  close(): void {
    for (const kind of [this.#weights, this.#constants, this.#states]) {
      this.device.free(...kind.values());
      kind.clear();
    }
  }
}

/** What makes two constants the same. */
export function constantKey(recipe: Recipe, shape: Shape, capacities: Sizes): string {
  return JSON.stringify([recipe, shape.map((size) => sizeOf(size, capacities))]);
}

/** Rows that are read and decoded at a time. */
export function rowsAtOnce(columns: number): number {
  return Math.max(1, Math.floor(CHUNK_VALUES / columns));
}

async function loadBlocks(device: Device, tensor: ModelTensor): Promise<Buffer> {
  const blocks = await tensor.loadBlocks!();
  const buffer = device.allocate(blocks.byteLength);
  device.write({ buffer }, blocks);
  return buffer;
}

async function loadFloats(device: Device, tensor: ModelTensor): Promise<Buffer> {
  const buffer = device.allocate(4 * tensor.shape.reduce((product, size) => product * size, 1));
  try {
    await loadRowsInto(device, tensor, 0, tensor.shape[0], buffer);
    return buffer;
  } catch (error) {
    device.free(buffer);
    throw error;
  }
}

/** Rows [start, end) of a tensor as float32, at the beginning of a buffer. The device decodes. */
export async function loadRowsInto(
  device: Device,
  tensor: ModelTensor,
  start: number,
  end: number,
  buffer: Buffer,
): Promise<void> {
  const columns = tensor.shape.length > 1 ? tensor.shape[1] : 1;
  const step = rowsAtOnce(columns);
  for (let row = start; row < end; row += step) {
    const last = Math.min(end, row + step);
    const slot = { buffer, offset: 4 * (row - start) * columns };
    if (tensor.loadBlocks === undefined) device.write(slot, await tensor.load(row, last));
    else device.decode(format(tensor.format), await tensor.loadBlocks(row, last), columns, slot);
  }
}
