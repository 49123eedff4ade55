import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../core/database.node.ts';
import { BitbudgetError } from '../core/errors.ts';
import { keyText, measurementOf, summaryOf } from './store.ts';
import { packTriangle, unpackTriangle } from './triangle.ts';
import type {
  MatrixUse,
  Measurement,
  MeasurementKey,
  MeasurementStore,
  ResumePoint,
  Sketch,
  UseMeasurement,
  UseSummary,
} from './types.ts';

/** `bbms`: tells our files from other SQLite files. */
const APPLICATION_ID = 0x62626d73;
/** Layout of the tables; a file of another layout is refused. */
const SCHEMA_VERSION = 1;
/** SQLite's longest blob is 10⁹ bytes: arrays are cut into parts. */
const PART_BYTES = 2 ** 26;

const SCHEMA = `
  CREATE TABLE measurement (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, description TEXT NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0, layer INTEGER);
  CREATE TABLE matrix (
    id INTEGER PRIMARY KEY, measurement INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
    tensor TEXT NOT NULL, usage TEXT NOT NULL, rows INTEGER NOT NULL, columns INTEGER NOT NULL,
    sketch_rows INTEGER NOT NULL, sketch_kronecker REAL NOT NULL, UNIQUE (measurement, tensor, usage));
  CREATE TABLE matrix_array (
    matrix INTEGER NOT NULL REFERENCES matrix (id) ON DELETE CASCADE,
    name TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (matrix, name, part));
  CREATE TABLE resume_array (
    measurement INTEGER NOT NULL REFERENCES measurement (id) ON DELETE CASCADE,
    name TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (measurement, name, part));
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

type ArrayTable = 'matrix_array' | 'resume_array';
interface MatrixRow {
  id: number;
  tensor: string;
  usage: MatrixUse;
  rows: number;
  columns: number;
  sketch_rows: number;
  sketch_kronecker: number;
}

/**
 * Measurements in an SQLite file, made when absent. Every save is one transaction: a process may be killed at any
 * moment and the file holds all finished blocks.
 * @throws BitbudgetError when the file is something else
 */
export async function openMeasurementStore(path: string): Promise<MeasurementStore> {
  mkdirSync(dirname(path), { recursive: true });
  const database = openDatabase(path);
  try {
    prepare(database, path);
  } catch (error) {
    database.close();
    if (error instanceof BitbudgetError) throw error;
    throw new BitbudgetError(`${path}: ${(error as Error).message}, expected a measurement file: name another`);
  }
  return new FileStore(database);
}

function prepare(database: DatabaseSync, path: string): void {
  database.exec(
    'PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL',
  );
  transaction(database, () => {
    const { application_id: id } = database.prepare('PRAGMA application_id').get() as { application_id: number };
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
    if (tables === 0) database.exec(SCHEMA);
    else if (id !== APPLICATION_ID || version !== SCHEMA_VERSION)
      throw new BitbudgetError(
        `${path}: database ${id.toString(16)} of layout ${version}, expected a measurement file of layout ${SCHEMA_VERSION}: remove it or name another`,
      );
  });
}

function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

class FileStore implements MeasurementStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async find(key: MeasurementKey): Promise<Measurement | undefined> {
    const row = this.#row(key);
    return row?.finished === 1 ? this.#measurement(key, row.id) : undefined;
  }

  async resume(key: MeasurementKey): Promise<ResumePoint | undefined> {
    const row = this.#row(key);
    if (row === undefined || row.layer === null) return undefined;
    return {
      layer: row.layer,
      gradient: new Float32Array(this.#readArray('resume_array', row.id, 'gradient')),
      probability: new Float32Array(this.#readArray('resume_array', row.id, 'probability')),
    };
  }

  async save(key: MeasurementKey, uses: readonly UseMeasurement[], point: ResumePoint): Promise<void> {
    transaction(this.#database, () => {
      const id = this.#begin(key);
      for (const use of uses) this.#insert(id, use);
      this.#database.prepare('UPDATE measurement SET layer = ? WHERE id = ?').run(point.layer, id);
      this.#writeArray('resume_array', id, 'gradient', point.gradient);
      this.#writeArray('resume_array', id, 'probability', point.probability);
    });
  }

  async finish(key: MeasurementKey, uses: readonly UseMeasurement[]): Promise<Measurement> {
    const id = transaction(this.#database, () => {
      const found = this.#begin(key);
      for (const use of uses) this.#insert(found, use);
      this.#database.prepare('DELETE FROM resume_array WHERE measurement = ?').run(found);
      this.#database.prepare('UPDATE measurement SET finished = 1, layer = NULL WHERE id = ?').run(found);
      return found;
    });
    return this.#measurement(key, id);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #row(key: MeasurementKey): { id: number; finished: number; layer: number | null } | undefined {
    const statement = this.#database.prepare('SELECT id, finished, layer FROM measurement WHERE key = ?');
    return statement.get(keyText(key)) as { id: number; finished: number; layer: number | null } | undefined;
  }

  #begin(key: MeasurementKey): number {
    this.#database
      .prepare('INSERT INTO measurement (key, description) VALUES (?, ?) ON CONFLICT DO NOTHING')
      .run(keyText(key), JSON.stringify(key));
    return this.#row(key)!.id;
  }

  #insert(measurement: number, use: UseMeasurement): void {
    const { sketch, rounding, pricing } = use;
    const { rows, columns } = summaryOf(use);
    const { lastInsertRowid } = this.#database
      .prepare(
        'INSERT INTO matrix (measurement, tensor, usage, rows, columns, sketch_rows, sketch_kronecker) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(measurement, use.tensor, use.use, rows, columns, sketch.rows, sketch.kronecker);
    const write = (name: string, values: Float32Array | Float64Array): void =>
      this.#writeArray('matrix_array', Number(lastInsertRowid), name, values);
    write('rounding.a', packTriangle(rounding.a, columns));
    write('rounding.b', rounding.b);
    write('pricing.a', packTriangle(pricing.a, columns));
    write('pricing.b', pricing.b);
    write('importance', use.importance);
    write('sketch.inner', sketch.innerProducts);
    write('sketch.squares', sketch.squares);
    write('sketch.rows', sketch.rowProducts);
    write('sketch.tokens', sketch.tokenProducts);
  }

  #measurement(key: MeasurementKey, id: number): Measurement {
    const rows = this.#database
      .prepare('SELECT * FROM matrix WHERE measurement = ? ORDER BY id')
      .all(id) as unknown as MatrixRow[];
    const summaries: UseSummary[] = rows.map((row) => ({
      tensor: row.tensor,
      use: row.usage,
      rows: row.rows,
      columns: row.columns,
      importance: new Float32Array(this.#readArray('matrix_array', row.id, 'importance')),
      factor: { value: 1, standardError: 0 },
      sketch: this.#sketch(row),
    }));
    return measurementOf(key, summaries, async (tensor) =>
      rows.filter((row) => row.tensor === tensor).map((row) => this.#use(row)),
    );
  }

  #sketch(row: MatrixRow): Sketch {
    const read = (name: string) => new Float64Array(this.#readArray('matrix_array', row.id, name));
    return {
      innerProducts: read('sketch.inner'),
      squares: read('sketch.squares'),
      rowProducts: read('sketch.rows'),
      tokenProducts: read('sketch.tokens'),
      kronecker: row.sketch_kronecker,
      rows: row.sketch_rows,
    };
  }

  #use(row: MatrixRow): UseMeasurement {
    const read = (name: string) => new Float32Array(this.#readArray('matrix_array', row.id, name));
    const term = (half: 'rounding' | 'pricing') => ({
      a: unpackTriangle(read(`${half}.a`), row.columns),
      b: read(`${half}.b`),
    });
    return {
      tensor: row.tensor,
      use: row.usage,
      rounding: term('rounding'),
      pricing: term('pricing'),
      importance: read('importance'),
      sketch: this.#sketch(row),
    };
  }

  /** Replaces the array `name` of `owner`. */
  #writeArray(table: ArrayTable, owner: number, name: string, values: Float32Array | Float64Array): void {
    const column = table === 'matrix_array' ? 'matrix' : 'measurement';
    this.#database.prepare(`DELETE FROM ${table} WHERE ${column} = ? AND name = ?`).run(owner, name);
    const insert = this.#database.prepare(`INSERT INTO ${table} (${column}, name, part, data) VALUES (?, ?, ?, ?)`);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    for (let part = 0; part * PART_BYTES < bytes.length; part++)
      insert.run(owner, name, part, bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES));
  }

  #readArray(table: ArrayTable, owner: number, name: string): ArrayBuffer {
    const column = table === 'matrix_array' ? 'matrix' : 'measurement';
    const parts = this.#database
      .prepare(`SELECT data FROM ${table} WHERE ${column} = ? AND name = ? ORDER BY part`)
      .all(owner, name) as unknown as { data: Uint8Array }[];
    const bytes = new Uint8Array(parts.reduce((sum, { data }) => sum + data.length, 0));
    let at = 0;
    for (const { data } of parts) {
      bytes.set(data, at);
      at += data.length;
    }
    return bytes.buffer;
  }
}
