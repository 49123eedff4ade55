import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';

/**
 * Opens or creates an SQLite file. The module is asked for here and not imported, because a version of Node without it
 * would end with its own error before the library can say what is wrong.
 */
export function openDatabase(path: string, options: DatabaseSyncOptions = {}): DatabaseSync {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  return new DatabaseSync(path, options);
}
