import { packArrays, unpackArrays } from '../measure/arrays.ts';
import { type Importance, measureImportance } from '../measure/importance.ts';
import { measurementKey } from '../measure/key.ts';
import { textData } from '../measure/measure.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Measurement, MeasurementKey } from '../measure/types.ts';
import { importanceCurvature } from '../quantize/curvature.ts';
import type { CurvatureSource } from '../quantize/encode.ts';
import type { EntryKey } from '../store/types.ts';
import { boundaryLimit } from './preflight/measuring.ts';
import type { Session } from './session.ts';

/** Changes whenever it would come out otherwise. */
const IMPORTANCE_VERSION = 1;
const RECORD = 'importance';

/** What rounding learns from text. */
export interface Learned {
  /** What was rounded with it is filed under this. */
  readonly key: unknown;
  /** Facts about the text. */
  readonly text: MeasurementKey;
  readonly curvature: CurvatureSource;
  /** Where it is one: prices are made from it. */
  readonly measurement?: Measurement;
}

/** All that can be learned: what errors of every matrix cost. */
export async function learnMeasurement(session: Session, tokens: TokenBatch): Promise<Learned> {
  const measurement = await session.measure(tokens);
  return { key: measurement.key, text: measurement.key, curvature: measurement, measurement };
}

/** What rounding to the nearest needs, by one pass over the text: which inputs of every matrix matter. */
export async function learnImportance(session: Session, tokens: TokenBatch): Promise<Learned> {
  const { host, kernels, model, store } = session;
  const { signal, onProgress } = session.options;
  const { sequences } = await textData(model, tokens);
  const text = await importanceText(session, tokens);
  const entry = await store.open(entryOf(text), session.label);
  const limit = boundaryLimit(host.availableMemory());
  const work = async (): Promise<Importance> => {
    const known = await entry.get(RECORD);
    if (known !== undefined) return new Map(Object.entries(unpackArrays(known).arrays)) as Importance;
    const boundaries = (shape: Parameters<typeof host.boundaries>[0]) => host.boundaries(shape, limit, entry);
    const importance = await measureImportance(kernels, model, sequences, { signal, onProgress, boundaries });
    await entry.put(RECORD, packArrays({ value: null, arrays: Object.fromEntries(importance) }));
    return importance;
  };
  try {
    const importance = await entry.exclusively('measure', work, session.waiting());
    return { key: ['importance', text], text, curvature: { curvature: importanceCurvature(importance) } };
  } finally {
    await entry.close();
  }
}

/** Whether that is kept; makes nothing. */
export async function isImportanceKept(session: Session, tokens: TokenBatch): Promise<boolean> {
  const entry = await session.store.find(entryOf(await importanceText(session, tokens)));
  try {
    return (await entry?.has(RECORD)) ?? false;
  } finally {
    await entry?.close();
  }
}

/** No labels are drawn: the seed changes nothing. */
async function importanceText({ kernels, model }: Session, tokens: TokenBatch): Promise<MeasurementKey> {
  return await measurementKey(kernels, model, await textData(model, tokens), 0);
}

function entryOf(text: MeasurementKey): EntryKey {
  return { step: 'importance', of: [IMPORTANCE_VERSION, text] };
}
