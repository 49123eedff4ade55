import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../../container/node.ts';
import { sha256Hex } from '../../core/hash.ts';
import { checkTable } from './check.ts';
import type { LatencyKey, LatencyStore } from './types.ts';

/**
 * Tables as JSON files of a folder, one for each device, number of threads, context and sizes of a model. A file that
 * does not say so, or is damaged, is not used and written anew.
 */
export function latencyFiles(folder: string): LatencyStore {
  const path = async (key: LatencyKey): Promise<string> => {
    const hash = await sha256Hex(new TextEncoder().encode(JSON.stringify(key)));
    return join(folder, `${hash.slice(0, 16)}.latency.json`);
  };
  return {
    async read(key) {
      const text = await readFile(await path(key), 'utf8').catch(() => undefined);
      return text === undefined ? undefined : checkTable(text, key);
    },
    async write(table) {
      await mkdir(folder, { recursive: true });
      await writeWhole(await path(table.key), `${JSON.stringify(table, null, 1)}\n`);
    },
  };
}
