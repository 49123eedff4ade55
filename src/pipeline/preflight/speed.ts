import type { Kernels } from '../../kernels/contract.ts';
import { describeDevice } from '../../kernels/wasm/device.ts';
import type { Store } from '../../store/types.ts';
import { STEPS, type StepName } from './types.ts';

/** Side of the matrices whose product is timed: in the cache, so that it is the cores that are measured. */
const SIDE = 384;
const PROBE_MS = 40;
/** Runs that what a machine takes is learned from. */
const MOST_RUNS = 20;
/** Shorter steps say more of how a run begins than of speed. */
const LEAST_SECONDS = 0.5;

/** Multiply-adds per second of a matrix product, as the machine is now, other work on it included. */
export function productSpeed(kernels: Kernels): number {
  return kernels.scope(() => {
    const [x, w, y] = [kernels.f32(SIDE * SIDE), kernels.f32(SIDE * SIDE), kernels.f32(SIDE * SIDE)];
    kernels.matmulNT(x, w, y, SIDE, SIDE, SIDE);
    const start = performance.now();
    let products = 0;
    while (performance.now() - start < PROBE_MS) {
      kernels.matmulNT(x, w, y, SIDE, SIDE, SIDE);
      products++;
    }
    return (products * SIDE ** 3 * 1000) / (performance.now() - start);
  });
}

/** Time that steps took, in the time that their multiply-adds would have taken in a product. */
export type StepFactors = Readonly<Record<StepName, number>>;

/** What this machine has been seen to take, kept in the store by device and number of threads. */
export class MachineSpeed {
  readonly #store: Store;
  readonly #kernels: Kernels;

  constructor(store: Store, kernels: Kernels) {
    this.#store = store;
    this.#kernels = kernels;
  }

  /** Medians of what earlier runs took; 1 where there were none. */
  async factors(): Promise<StepFactors> {
    const seen = await this.#read();
    return Object.fromEntries(STEPS.map((step) => [step, middle(seen[step] ?? [1])])) as StepFactors;
  }

  /**
   * Learns from a run.
   * @param speed of products when it began
   * @param seconds that each step took
   */
  async learn(
    speed: number,
    amounts: Partial<Record<StepName, number>>,
    seconds: Record<string, number>,
  ): Promise<void> {
    const entry = await this.#store.open(await this.#key(), { model: 'all models' });
    try {
      await entry.exclusively('learn', async () => {
        const seen = decode(await entry.get(RECORD));
        for (const step of STEPS) {
          const amount = amounts[step] ?? 0;
          if (amount === 0 || !(seconds[step] > LEAST_SECONDS)) continue;
          seen[step] = [...(seen[step] ?? []), (seconds[step] * speed) / amount].slice(-MOST_RUNS);
        }
        await entry.put(RECORD, new TextEncoder().encode(JSON.stringify(seen)));
      });
    } finally {
      await entry.close();
    }
  }

  async #read(): Promise<Record<string, number[]>> {
    const entry = await this.#store.find(await this.#key());
    if (entry === undefined) return {};
    try {
      return decode(await entry.get(RECORD));
    } finally {
      await entry.close();
    }
  }

  async #key() {
    return { step: 'speed', of: [await describeDevice(this.#kernels), this.#kernels.threads] };
  }
}

const RECORD = 'factors';

function decode(bytes: Uint8Array | undefined): Record<string, number[]> {
  return bytes === undefined ? {} : (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, number[]>);
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
