import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parseModelId } from '../../container/hub/model-id.ts';

const FILE = /\.(gguf|safetensors)$/i;

/** What follows a model's name where it is only how the weights are stored. */
const STORED_AS = /[-._](?:b?f16|f32|fp16|fp32)$/i;

/** A short name for a `<model>` argument: the folder's, the file's or the repository's. */
export function shortName(argument: string): string {
  const repository = hubRepository(argument);
  if (repository !== undefined) return repository.split('/')[1];
  const name = basename(resolve(argument));
  return name
    .replace(FILE, '')
    .replace(/-\d{5}-of-\d{5}$/, '')
    .replace(STORED_AS, '');
}

/** `user/repo` where a model of the hub is named; undefined for local ones. */
export function hubRepository(argument: string): string | undefined {
  if (existsSync(argument)) return undefined;
  const id = parseModelId(argument);
  // A path that is not there is still no repository.
  return id !== undefined && !id.explicit && FILE.test(argument) ? undefined : id?.repo;
}

/** `4.5` or `3.57`: as many decimals as say something. */
export function shortBits(bitsPerWeight: number): string {
  return String(Number(bitsPerWeight.toFixed(2)));
}
