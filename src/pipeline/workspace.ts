import type { Memory } from '../core/memory.ts';
import type { BlockStore } from '../quantize/encode.ts';
import type { Entry, EntryKey, EntryLabel, LockOptions, Records, Store } from '../store/types.ts';

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
  readonly #openJob: () => Promise<Entry>;
  /** Opened when blocks are asked for: many runs round nothing. */
  #job: Promise<Entry> | undefined;
  #isFinished = false;

  private constructor(results: Entry, openJob: () => Promise<Entry>) {
    this.#results = results;
    this.#openJob = openJob;
  }

  /** Name of the entry of results. */
  static resultsKey({ of, purpose }: Pick<WorkspaceKey, 'of' | 'purpose'>): EntryKey {
    return { step: 'prices', of: [WORK_VERSION, purpose, of] };
  }

  static async open(store: Store, { of, purpose, job }: WorkspaceKey, label: EntryLabel): Promise<Workspace> {
    const key = [WORK_VERSION, purpose, of];
    const results = await store.open(Workspace.resultsKey({ of, purpose }), label);
    return new Workspace(results, () => store.openJob({ step: 'rounding', of: key }, job, label));
  }

  /** Results that JSON can hold, prices above all; keys name what they are. */
  memory<T>(): Memory<T> {
    return resultsOf<T>(this.#results);
  }

  blocks(): BlockStore {
    const job = (): Promise<Entry> => {
      this.#job ??= this.#openJob();
      return this.#job;
    };
    return {
      has: async (key) => (await job()).has(key),
      get: async (key) => (await job()).get(key),
      put: async (key, bytes) => (await job()).put(key, bytes),
    };
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
    const job = await this.#job?.catch(() => undefined);
    if (this.#isFinished) await job?.discard();
    else await job?.close();
    await this.#results.close();
  }
}

/** Results as JSON in an entry's records. */
export function resultsOf<T>(records: Pick<Records, 'get' | 'put'>): Memory<T> {
  return {
    get: async (key) => {
      const bytes = await records.get(key);
      return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as KeptResult<T>).value;
    },
    put: async (key, value) => {
      const result: KeptResult<T> = { key, value };
      await records.put(key, new TextEncoder().encode(JSON.stringify(result)));
    },
  };
}
