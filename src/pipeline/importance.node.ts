import { packArrays, unpackArrays } from '../measure/arrays.ts';
import { type Importance, measureImportance } from '../measure/importance.ts';
import { measurementKey } from '../measure/key.ts';
import { textData } from '../measure/measure.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { MeasurementKey } from '../measure/types.ts';
import { importanceCurvature } from '../quantize/curvature.ts';
import type { CurvatureSource } from '../quantize/encode.ts';
import { boundaryStore } from '../run/boundaries.node.ts';
import type { EntryKey } from '../store/types.ts';
import { boundaryLimit } from './preflight/room.node.ts';
import type { Session } from './session.node.ts';

/** Changes whenever it would come out otherwise. */
const IMPORTANCE_VERSION = 1;
const RECORD = 'importance';

/** What rounding to the nearest learns from text, and what it was learned from. */
export interface LearnedImportance {
  readonly key: MeasurementKey;
  readonly curvature: CurvatureSource;
}

/** Learns by one pass over the text which inputs of every matrix matter, or finds that it was done, also by another process. */
export async function learnImportance(session: Session, tokens: TokenBatch): Promise<LearnedImportance> {
  const { kernels, model, store } = session;
  const { signal, onProgress } = session.options;
  const data = await textData(tokens);
  const key = await importanceKey(session, tokens);
  const entry = await store.open(entryOf(key), session.label);
  try {
    const work = async (): Promise<Importance> => {
      const known = await entry.get(RECORD);
      if (known !== undefined)
        return new Map(Object.entries(unpackArrays(known).arrays as Record<string, Float32Array>));
      const importance = await measureImportance(kernels, model, data.sequences, {
        ...{ signal, onProgress },
        boundaries: (shape) => boundaryStore(shape, boundaryLimit(), entry.scratch),
      });
      await entry.put(RECORD, packArrays({ value: null, arrays: Object.fromEntries(importance) }));
      return importance;
    };
    const importance = await entry.exclusively('measure', work, session.waiting());
    return { key, curvature: { curvature: importanceCurvature(importance) } };
  } finally {
    await entry.close();
  }
}

/** Whether that is kept; makes nothing. */
export async function isImportanceKept(session: Session, tokens: TokenBatch): Promise<boolean> {
  const entry = await session.store.find(entryOf(await importanceKey(session, tokens)));
  try {
    return (await entry?.has(RECORD)) ?? false;
  } finally {
    await entry?.close();
  }
}

/** No labels are drawn: the seed changes nothing. */
async function importanceKey({ kernels, model }: Session, tokens: TokenBatch): Promise<MeasurementKey> {
  return await measurementKey(kernels, model, await textData(tokens), 0);
}

function entryOf(key: MeasurementKey): EntryKey {
  return { step: 'importance', of: [IMPORTANCE_VERSION, key] };
}
