import type { WorkOptions } from '../core/progress.ts';
import type { Model } from '../model/types.ts';
import type { Host, ModelPurpose } from '../pipeline/host/types.ts';
import type { Source } from './types.ts';

/** Whether a source is a model already. */
function isModel(source: Source): source is Model {
  return typeof source === 'object' && 'tensors' in source && 'config' in source;
}

/**
 * The model of a source, for work that closes what it works on: a model that was open already stays open.
 * @param purpose which of several files is meant
 */
export async function openSource(
  host: Host,
  source: Source,
  purpose: ModelPurpose,
  { signal, onProgress }: WorkOptions,
): Promise<Model> {
  if (isModel(source)) return { ...source, close: async () => {} };
  return await host.openModel(source, { purpose, signal, onProgress });
}
