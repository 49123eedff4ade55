import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { entryMeasurementStore } from '../../src/measure/entry-store.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { WorkStore } from '../../src/store/store.node.ts';
import type { Entry } from '../../src/store/types.ts';
import { modelOf, randomTensors, smallConfig } from './support.ts';

/** A small measurement that the store's test also runs in processes of its own, which are killed. */
export function interruptible() {
  const config = { ...smallConfig, tied: true };
  const random = new Random(11);
  const model = modelOf(config, randomTensors(config, random));
  const ids = Int32Array.from({ length: 4 * 6 }, () => random.integer(config.vocabulary));
  return { model, tokens: { sequences: 4, length: 6, ids }, seed: 2 };
}

/** The entry of the measurement in a store's folder. */
export function openTestEntry(folder: string): Promise<Entry> {
  return new WorkStore(folder).open({ step: 'measurement', of: 'interruptible' }, { model: 'random' });
}

if (import.meta.main) {
  const [path, events] = process.argv.slice(2);
  const { model, tokens, seed } = interruptible();
  let seen = 0;
  await measureModel(createReferenceKernels(), model, tokens, {
    store: entryMeasurementStore(await openTestEntry(path)),
    seed,
    onProgress: () => {
      if (++seen === Number(events)) process.kill(process.pid, 'SIGKILL');
    },
  });
}
