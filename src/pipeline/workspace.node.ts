import type { Memory } from '../core/memory.ts';
import type { BlockStore } from '../quantize/encode.ts';
import type { WorkStore } from '../store/store.node.ts';
import type { Entry, EntryLabel, LockOptions } from '../store/types.ts';

/** Changes whenever prices or blocks would come out otherwise, with rounding and pricing; entries of others stay. */
const WORK_VERSION = 9;

/** What a workspace is for. */
export interface WorkspaceKey {
  /** All that prices and blocks depend on, beside the code. */
  readonly of: unknown;
  /** Blocks of the truth bench are kept apart from those of files being made. */
  readonly purpose: 'work' | 'truth';
  /** What is being made: interrupted, it finds its blocks again, and no other job removes them. */
  readonly job: unknown;
}

/** A result as its record holds it: with its key, for people who look. */
interface KeptResult<T> {
  readonly key: string;
  readonly value: T;
}

/**
 * Reusable and unfinished work of one model and one measurement: results such as prices, which serve every budget and
 * every process, and rounded blocks, which belong to a job and are shared with the others of the measurement.
 */
export class Workspace {
  readonly #results: Entry;
  readonly #job: Entry;
  #isFinished = false;

  private constructor(results: Entry, job: Entry) {
    this.#results = results;
    this.#job = job;
  }

  static async open(store: WorkStore, { of, purpose, job }: WorkspaceKey, label: EntryLabel): Promise<Workspace> {
    const key = [WORK_VERSION, purpose, of];
    const results = await store.open({ step: 'prices', of: key }, label);
    try {
      return new Workspace(results, await store.openJob({ step: 'rounding', of: key }, job, label));
    } catch (error) {
      await results.close();
      throw error;
    }
  }

  /** Results that JSON can hold, prices above all; keys name what they are. */
  memory<T>(): Memory<T> {
    return {
      get: async (key) => {
        const bytes = await this.#results.get(key);
        return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as KeptResult<T>).value;
      },
      put: async (key, value) => {
        const result: KeptResult<T> = { key, value };
        await this.#results.put(key, new TextEncoder().encode(JSON.stringify(result)));
      },
    };
  }

  blocks(): BlockStore {
    return this.#job;
  }

  /** Runs `work` while no other process works on the same: what it makes is there when the others come to it. */
  async exclusively<T>(what: string, work: () => Promise<T>, options?: LockOptions): Promise<T> {
    return await this.#results.exclusively(what, work, options);
  }

  /** Lets the blocks go when it is closed, the file that they belong to being whole; results stay for the next budget. */
  forgetBlocks(): void {
    this.#isFinished = true;
  }

  async close(): Promise<void> {
    if (this.#isFinished) await this.#job.discard();
    else await this.#job.close();
    await this.#results.close();
  }
}
