import { BitbudgetError } from '../core/errors.ts';
import type { Magnitudes } from '../model/magnitudes.ts';
import type { Model } from '../model/types.ts';
import type { Store } from '../store/types.ts';

/** Changes whenever the same weights would give others. */
const KEY = { step: 'magnitudes', of: 1 };

/** Largest weights as an earlier run has read them, whatever the model's path; undefined where none has. */
export async function keptMagnitudes(model: Model, store: Store): Promise<Magnitudes | undefined> {
  const entry = await store.find(KEY);
  if (entry === undefined) return undefined;
  try {
    const bytes = await entry.get(await model.fingerprint());
    return bytes && new Map(JSON.parse(new TextDecoder().decode(bytes)) as [string, number][]);
  } finally {
    await entry.close();
  }
}

/** Keeps them for later runs. Where that is not possible they are read again: no work is lost by it. */
export async function keepMagnitudes(model: Model, store: Store, magnitudes: Magnitudes): Promise<void> {
  const record = new TextEncoder().encode(JSON.stringify([...magnitudes]));
  const put = async (): Promise<void> => {
    const entry = await store.open(KEY, { model: 'all models' });
    await entry.put(await model.fingerprint(), record).finally(() => entry.close());
  };
  await put().catch((error) => {
    if (!(error instanceof BitbudgetError)) throw error;
  });
}
