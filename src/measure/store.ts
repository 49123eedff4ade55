import { BitbudgetError } from '../core/errors.ts';
import { useFactors } from './calibrate.ts';
import type {
  KroneckerTerm,
  Measurement,
  MeasurementKey,
  MeasurementStore,
  ResumePoint,
  Sketch,
  TensorMeasurement,
  UseMeasurement,
  UseSummary,
} from './types.ts';

/** Changes whenever the meaning of what is stored changes; older files are measured anew. */
export const MEASUREMENT_VERSION = 5;

export function keyText(key: MeasurementKey): string {
  return [key.version, key.model, key.text, key.sequences, key.sequenceLength, key.seed, key.arithmetic].join('/');
}

/** Before calibration: the factor is 1. */
export function summaryOf(use: UseMeasurement): UseSummary {
  return {
    tensor: use.tensor,
    use: use.use,
    kind: use.kind,
    ...(use.expert === undefined ? {} : { expert: use.expert }),
    rows: use.rounding.b.length,
    columns: use.importance.length,
    importance: use.importance,
    factor: { value: 1, standardError: 0 },
    sketch: use.sketch,
  };
}

/** All uses of one tensor as one value. Throws BitbudgetError when there is none. */
export function joinUses(tensor: string, uses: readonly UseMeasurement[]): TensorMeasurement {
  if (uses.length === 0)
    throw new BitbudgetError(`${tensor} was not measured: it is no matrix of this measurement's model`);
  const linear = uses.find(({ use }) => use === 'linear') ?? uses[0];
  return {
    tensor,
    rounding: uses.map(({ rounding }) => rounding),
    pricing: uses.map(({ pricing }) => pricing),
    importance: linear.importance,
    sketches: uses.map(({ sketch }) => sketch),
  };
}

/**
 * A measurement over whatever holds its uses. Every use's Kronecker form is multiplied with its factor.
 * @param raw as measured
 * @param load the uses of a tensor as measured, in the order of `raw`
 */
export function measurementOf(
  key: MeasurementKey,
  raw: readonly UseSummary[],
  load: (tensor: string) => Promise<UseMeasurement[]>,
): Measurement {
  const factors = useFactors(raw, key.sequenceLength);
  const summaries = raw.map((summary, i) => ({
    ...summary,
    factor: factors[i],
    sketch: scaledSketch(summary.sketch, factors[i].value),
  }));
  const factorOf = ({ tensor, use }: UseMeasurement): number =>
    factors[raw.findIndex((summary) => summary.tensor === tensor && summary.use === use)].value;
  return {
    key,
    summaries,
    read: async (tensor) =>
      joinUses(
        tensor,
        (await load(tensor)).map((use) => scaledUse(use, factorOf(use))),
      ),
  };
}

function scaledSketch(sketch: Sketch, factor: number): Sketch {
  return { ...sketch, kronecker: sketch.kronecker * factor };
}

function scaledUse(use: UseMeasurement, factor: number): UseMeasurement {
  const scaled = ({ a, b }: KroneckerTerm): KroneckerTerm => ({ a, b: b.map((value) => value * factor) });
  return {
    ...use,
    rounding: scaled(use.rounding),
    pricing: scaled(use.pricing),
    sketch: scaledSketch(use.sketch, factor),
  };
}

/** Keeps measurements in memory: for browsers and tests. */
export function memoryStore(): MeasurementStore {
  const entries = new Map<string, { uses: UseMeasurement[]; point?: ResumePoint; finished: boolean }>();
  const entry = (key: MeasurementKey) => {
    const found = entries.get(keyText(key)) ?? { uses: [], finished: false };
    entries.set(keyText(key), found);
    return found;
  };
  const measurement = (key: MeasurementKey): Measurement => {
    const { uses } = entry(key);
    return measurementOf(key, uses.map(summaryOf), async (tensor) => uses.filter((use) => use.tensor === tensor));
  };
  // What was interrupted is measured again.
  const put = (key: MeasurementKey, added: readonly UseMeasurement[]): void => {
    const { uses } = entry(key);
    const isNew = ({ tensor, use }: UseMeasurement): boolean =>
      !added.some((each) => each.tensor === tensor && each.use === use);
    uses.splice(0, uses.length, ...uses.filter(isNew), ...added);
  };
  return {
    find: async (key) => (entry(key).finished ? measurement(key) : undefined),
    resume: async (key) => entry(key).point,
    save: async (key, uses, point) => {
      put(key, uses);
      // The gradient goes on changing while the next block is measured.
      entry(key).point = { ...point, gradient: Float32Array.from(point.gradient) };
    },
    add: async (key, uses) => put(key, uses),
    finish: async (key, uses) => {
      const found = entry(key);
      put(key, uses);
      found.point = undefined;
      found.finished = true;
      return measurement(key);
    },
    close: async () => entries.clear(),
  };
}
