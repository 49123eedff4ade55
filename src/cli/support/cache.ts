import type { Command } from 'commander';
import { withCacheFormats } from '../../model/cache-formats.ts';
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
