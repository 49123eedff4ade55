import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../core/database.node.ts';
import type { Memory } from '../core/memory.ts';
import { MEASUREMENT_VERSION } from '../measure/store.ts';
import type { BlockStore } from '../quantize/encode.ts';

/** Changes whenever prices or blocks would come out otherwise: here with rounding and pricing, there with measuring. */
const WORK_VERSION = 1000 * MEASUREMENT_VERSION + 8;

/**
 * Unfinished and reusable work of one model and one measurement: prices, which serve every budget, and blocks of the
 * plan being carried out. A file that survives being killed at any moment; each entry is written whole or not at all.
 */
export class Workspace {
  readonly #database: DatabaseSync;

  /** @param path created when absent; one of another version is emptied, since everything in it can be computed again */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.#database = openDatabase(path);
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    const { user_version: version } = this.#database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version !== WORK_VERSION) this.#database.exec('DROP TABLE IF EXISTS prices; DROP TABLE IF EXISTS blocks');
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS prices (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS blocks (key TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
      PRAGMA user_version = ${WORK_VERSION};`);
  }

  /** Results that JSON can hold, prices above all; keys name what they are. */
  memory<T>(): Memory<T> {
    const get = this.#database.prepare('SELECT value FROM prices WHERE key = ?');
    const put = this.#database.prepare('INSERT OR REPLACE INTO prices VALUES (?, ?)');
    return {
      get: async (key) => {
        const row = get.get(key) as { value: string } | undefined;
        return row === undefined ? undefined : (JSON.parse(row.value) as T);
      },
      put: async (key, value) => void put.run(key, JSON.stringify(value)),
    };
  }

  blocks(): BlockStore {
    const has = this.#database.prepare('SELECT 1 FROM blocks WHERE key = ?');
    const get = this.#database.prepare('SELECT bytes FROM blocks WHERE key = ?');
    const put = this.#database.prepare('INSERT OR REPLACE INTO blocks VALUES (?, ?)');
    return {
      has: async (key) => has.get(key) !== undefined,
      get: async (key) => (get.get(key) as { bytes: Uint8Array } | undefined)?.bytes,
      put: async (key, bytes) => void put.run(key, bytes),
    };
  }

  /** Drops the blocks once the file they belong to is whole; prices stay for the next budget. */
  forgetBlocks(): void {
    this.#database.exec('DELETE FROM blocks; VACUUM');
  }

  close(): void {
    this.#database.close();
  }
}
