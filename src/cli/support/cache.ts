import type { Command } from 'commander';
import type { BitPlan } from '../../allocate/types.ts';
import { isLlamaCppCache, withCacheFormats } from '../../model/cache-formats.ts';
import type { Model } from '../../model/types.ts';

/** How the KV cache is kept, named as llama.cpp's own options. */
export interface CacheOptions {
  readonly cacheK?: string;
  readonly cacheV?: string;
}

const HELP = 'such as f16, q8_0 or q4_0, in all blocks; default what the file asks for, else f32';

export function addCacheOptions(command: Command): Command {
  return command
    .option('--cache-k <format>', `keep attention's keys as ${HELP}`)
    .option('--cache-v <format>', `keep attention's values as ${HELP}`);
}

/** @throws UsageError for formats that cannot hold the model's heads */
export function withCacheOptions(model: Model, { cacheK, cacheV }: CacheOptions): Model {
  return withCacheFormats(model, { k: cacheK, v: cacheV });
}

/** Lines on the KV cache of a plan, block by block; none where it was not planned. */
export function describeCache({ cache, prediction }: BitPlan): string[] {
  if (cache === undefined) return [];
  const [keys, values] = [cache['k'] ?? [], cache['v'] ?? []];
  const [[k], [v]] = [keys, values];
  const isUniform = keys.length > 0 && keys.every((name) => name === k) && values.every((name) => name === v);
  const share = prediction?.cacheKl === undefined ? '' : `; KL ${prediction.cacheKl.toFixed(6)} of the prediction`;
  const flags =
    isLlamaCppCache(k) && isLlamaCppCache(v) ? `; llama.cpp: -ctk ${k.toLowerCase()} -ctv ${v.toLowerCase()}` : '';
  if (isUniform) return [`cache      keys ${k}, values ${v}${flags}${share}`];
  return [`keys       ${keys.join(' ')}`, `values     ${values.join(' ')}${share}`];
}
