import { BitbudgetError } from '../core/errors.ts';
import type { Entry } from '../store/types.ts';
import { packArrays, unpackArrays } from './arrays.ts';
import { packHalves, unpackHalves } from './halves.ts';
import { measurementOf, summaryOf } from './store.ts';
import type {
  MatrixUse,
  Measurement,
  MeasurementKey,
  MeasurementStore,
  ResumePoint,
  Sketch,
  UseMeasurement,
  UseSummary,
} from './types.ts';

/** Names of one use of a matrix: what finds its two records. */
interface UseName {
  readonly tensor: string;
  readonly use: MatrixUse;
}

/** The measurement's table of contents, replaced whole: what it names is there. */
interface Progress {
  /** In the order they were measured. */
  readonly uses: readonly UseName[];
  /** Where it goes on; absent once it is finished. */
  readonly layer?: number;
}

const PROGRESS = 'progress';
const summaryRecord = ({ tensor, use }: UseName): string => `summary ${tensor} ${use}`;
const factorsRecord = ({ tensor, use }: UseName): string => `factors ${tensor} ${use}`;

interface SummaryHeader extends Pick<UseSummary, 'kind' | 'expert'> {
  readonly rows: number;
  readonly columns: number;
  readonly sketch: Pick<Sketch, 'kronecker' | 'rows'>;
}

/**
 * One measurement as records of an entry. What is saved is written before the table of contents that names it, so that a
 * process may be killed at any moment and all finished blocks are kept. Factors are kept in 24 bits for a pair of values
 * (halves.ts), and read back so in the run that measured them too: results do not depend on interruptions.
 * @param entry of the measurement's own key; the caller closes it
 */
export function entryMeasurementStore(entry: Entry): MeasurementStore {
  return new EntryStore(entry);
}

class EntryStore implements MeasurementStore {
  readonly #entry: Entry;
  /** All uses saved so far, once they were read or written. */
  #uses: readonly UseName[] | undefined;

  constructor(entry: Entry) {
    this.#entry = entry;
  }

  async find(key: MeasurementKey): Promise<Measurement | undefined> {
    const progress = await this.#progress();
    if (progress === undefined || progress.value.layer !== undefined) return undefined;
    return await this.#measurement(key, progress.value.uses);
  }

  async resume(): Promise<ResumePoint | undefined> {
    const progress = await this.#progress();
    if (progress?.value.layer === undefined) return undefined;
    const { gradient, probability } = progress.arrays as Record<string, Float32Array>;
    return { layer: progress.value.layer, gradient, probability };
  }

  async save(_key: MeasurementKey, uses: readonly UseMeasurement[], point: ResumePoint): Promise<void> {
    const known = await this.#write(uses);
    const { layer, gradient, probability } = point;
    const value: Progress = { uses: known, layer };
    await this.#entry.put(PROGRESS, packArrays({ value, arrays: { gradient, probability } }));
  }

  async add(_key: MeasurementKey, uses: readonly UseMeasurement[]): Promise<void> {
    await this.#write(uses);
  }

  async finish(key: MeasurementKey, uses: readonly UseMeasurement[]): Promise<Measurement> {
    const value: Progress = { uses: await this.#write(uses) };
    await this.#entry.put(PROGRESS, packArrays({ value, arrays: {} }));
    const finished = await this.#measurement(key, value.uses);
    if (finished === undefined) throw this.#damaged('the measurement');
    return finished;
  }

  async close(): Promise<void> {}

  async #progress() {
    const bytes = await this.#entry.get(PROGRESS);
    return bytes && unpackArrays<Progress>(bytes);
  }

  /** @returns all uses known now */
  async #write(uses: readonly UseMeasurement[]): Promise<readonly UseName[]> {
    for (const use of uses) {
      await this.#entry.put(factorsRecord(use), packFactors(use));
      await this.#entry.put(summaryRecord(use), packSummary(use));
    }
    const before = this.#uses ?? (await this.#progress())?.value.uses ?? [];
    const added = uses.map(({ tensor, use }) => ({ tensor, use }));
    const isNew = (name: UseName): boolean => !added.some((use) => summaryRecord(use) === summaryRecord(name));
    this.#uses = [...before.filter(isNew), ...added];
    return this.#uses;
  }

  /** undefined when a record of it is damaged: it is measured again. */
  async #measurement(key: MeasurementKey, uses: readonly UseName[]): Promise<Measurement | undefined> {
    const summaries: UseSummary[] = [];
    for (const use of uses) {
      const bytes = await this.#entry.get(summaryRecord(use));
      if (bytes === undefined || !(await this.#entry.has(factorsRecord(use)))) return undefined;
      summaries.push(unpackSummary(use, bytes));
    }
    return measurementOf(key, summaries, async (tensor) => {
      const wanted = summaries.filter((summary) => summary.tensor === tensor);
      return await Promise.all(wanted.map((summary) => this.#use(summary)));
    });
  }

  async #use(summary: UseSummary): Promise<UseMeasurement> {
    const bytes = await this.#entry.get(factorsRecord(summary));
    if (bytes === undefined) throw this.#damaged(`${summary.tensor}`);
    return { ...unpackFactors(bytes, summary.columns), ...summary };
  }

  #damaged(what: string): BitbudgetError {
    return new BitbudgetError(`${what}: what was kept of it is damaged or was removed; run the same command again`);
  }
}

function packFactors({ rounding, pricing, importance }: UseMeasurement): Uint8Array {
  const a = packHalves(rounding.a, pricing.a, importance.length);
  return packArrays({ value: null, arrays: { a, roundingB: rounding.b, pricingB: pricing.b } });
}

function unpackFactors(bytes: Uint8Array, columns: number): Pick<UseMeasurement, 'rounding' | 'pricing'> {
  const { a, roundingB, pricingB } = unpackArrays(bytes).arrays;
  const [one, other] = unpackHalves(a as Uint8Array, columns);
  return { rounding: { a: one, b: roundingB as Float32Array }, pricing: { a: other, b: pricingB as Float32Array } };
}

function packSummary(measured: UseMeasurement): Uint8Array {
  const { kind, expert, rows, columns, importance, sketch } = summaryOf(measured);
  const { innerProducts, squares, rowProducts, tokenProducts, ...numbers } = sketch;
  const value: SummaryHeader = { kind, expert, rows, columns, sketch: numbers };
  return packArrays({ value, arrays: { importance, innerProducts, squares, rowProducts, tokenProducts } });
}

function unpackSummary({ tensor, use }: UseName, bytes: Uint8Array): UseSummary {
  const { value, arrays } = unpackArrays<SummaryHeader>(bytes);
  const { kind, expert, rows, columns, sketch } = value;
  const { innerProducts, squares, rowProducts, tokenProducts } = arrays as Record<string, Float64Array>;
  return {
    tensor,
    use,
    kind,
    ...(expert === undefined ? {} : { expert }),
    rows,
    columns,
    importance: arrays.importance as Float32Array,
    factor: { value: 1, standardError: 0 },
    sketch: { ...sketch, innerProducts, squares, rowProducts, tokenProducts },
  };
}
