import type { Entry } from '../../store/types.ts';
import { checkTable } from './check.ts';
import type { LatencyStore } from './types.ts';

const TABLE = 'table';

/** The table of one key as a record of its entry. One that does not say so is not used and written anew. */
export function latencyEntry(entry: Entry): LatencyStore {
  return {
    async read(key) {
      const bytes = await entry.get(TABLE);
      return bytes && checkTable(new TextDecoder().decode(bytes), key);
    },
    async write(table) {
      await entry.put(TABLE, new TextEncoder().encode(JSON.stringify(table)));
    },
  };
}
