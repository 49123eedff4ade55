import type { ReplacedState } from '../graph/types.ts';
import type { Buffer, Device, Executable } from '../kernels/device.ts';
import { countOf, type Place, type Program } from '../kernels/program.ts';
import type { SharedMemory } from './memory.ts';

/** Snapshots that are kept: of the place that a session goes back to, and of the one before it. */
const KEPT = 2;

interface Snapshot {
  readonly position: number;
  readonly buffers: readonly Buffer[];
}

/** Copies of recurrent states as they were behind some tokens. The device copies, so that nothing is waited for. */
export class Snapshots {
  readonly #memory: SharedMemory;
  readonly #states: readonly ReplacedState[];
  /** The oldest first. */
  #kept: Snapshot[] = [];

  constructor(memory: SharedMemory, states: readonly ReplacedState[]) {
    this.#memory = memory;
    this.#states = states;
  }

  /** Keeps the states as they are now. */
  save(position: number): void {
    const { device } = this.#memory;
    if (this.#kept.length === KEPT) device.free(...this.#kept.shift()!.buffers);
    const buffers = this.#states.map(({ shape }) => device.allocate(4 * countOf(shape, {})));
    this.#kept.push({ position, buffers });
    this.#copy(this.#states.map(({ name }, i) => [this.#held(name, i), buffers[i]]));
  }

  /**
   * Brings the states back to what they were at a position or at the nearest before it that was kept, and forgets what was
   * kept of later ones. @returns that position; 0, where states are not read, when none was kept
   */
  restore(position: number): number {
    this.#forget(({ position: at }) => at > position);
    const found = this.#kept.reduce<Snapshot | undefined>(
      (best, each) => (best !== undefined && best.position >= each.position ? best : each),
      undefined,
    );
    if (found === undefined) return 0;
    this.#copy(this.#states.map(({ name }, i) => [found.buffers[i], this.#held(name, i)]));
    return found.position;
  }

  close(): void {
    this.#forget(() => true);
  }

  #forget(isGone: (snapshot: Snapshot) => boolean): void {
    for (const { buffers } of this.#kept.filter(isGone)) this.#memory.device.free(...buffers);
    this.#kept = this.#kept.filter((each) => !isGone(each));
  }

  #held(name: string, index: number): Buffer {
    return this.#memory.state(name, 4 * countOf(this.#states[index].shape, {}));
  }

  #copy(pairs: readonly (readonly [from: Buffer, to: Buffer])[]): void {
    copier(this.#memory.device, this.#states, pairs).run({});
  }
}

/** Copies of whole buffers as a program. */
function copier(
  device: Device,
  states: readonly ReplacedState[],
  pairs: readonly (readonly [from: Buffer, to: Buffer])[],
): Executable {
  const places = states.flatMap(({ name, shape }): Place[] =>
    ['from', 'to'].map((side) => ({ kind: 'state', name: `${side} ${name}`, type: 'f32', shape })),
  );
  const calls = pairs.map((_, i) => ({ kernel: 'copy', operands: [2 * i, 2 * i + 1], sizes: {}, attributes: {} }));
  const program: Program = { places, calls, capacities: {}, arenaBytes: 0 };
  return device.load(
    program,
    pairs.flatMap(([from, to]) => [{ buffer: from }, { buffer: to }]),
  );
}
