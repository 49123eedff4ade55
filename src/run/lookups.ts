import { weightsOf } from '../graph/segments.ts';
import type { Graph } from '../graph/types.ts';
import type { ModelTensor, Network } from '../model/types.ts';
import type { SharedMemory } from './memory.ts';
import { tensorOf } from './program.ts';
import type { Sequences } from './sequences.ts';

/** Rows of a table that are read together. */
const CHUNK_ROWS = 4096;

/** Rows of a table for some ids. */
export interface TableRows {
  /** Ascending, each once. */
  readonly ids: Int32Array;
  /** Place of an id in `ids`. */
  readonly place: ReadonlyMap<number, number>;
  /** [ids.length, columns] */
  readonly values: Float32Array;
}

/** What a segment holds of its weights: of tables that are only looked up, the rows that are. */
export interface LookupTables {
  /** Names of what was loaded. */
  readonly loaded: readonly string[];
  /** By name of the table. */
  readonly rows: ReadonlyMap<string, TableRows>;
  /** An input's values, ids of a table turned into places in what is loaded of it. */
  places<T extends Float32Array | Int32Array>(input: string, values: T): T;
}

/** What a segment's weights are loaded for, and where to. */
interface LoadTask {
  readonly memory: SharedMemory;
  readonly model: Network;
  readonly sequences: Sequences;
}

/** Loads a segment's weights as float32. */
export async function loadSegment({ memory, model, sequences }: LoadTask, part: Graph): Promise<LookupTables> {
  const loaded: string[] = [];
  const rows = new Map<string, TableRows>();
  const byInput = new Map<string, TableRows>();
  try {
    for (const name of weightsOf(part)) {
      const input = lookedUpBy(part, name);
      if (input === undefined) await memory.load(tensorOf(model, name));
      else {
        const table = await tableRows(tensorOf(model, name), tableIds(sequences, input));
        memory.set(name, table.values);
        rows.set(name, table);
        byInput.set(input, table);
      }
      loaded.push(name);
    }
  } catch (error) {
    memory.drop(...loaded);
    throw error;
  }
  return {
    loaded,
    rows,
    places: (input, values) => {
      const table = byInput.get(input);
      return table === undefined ? values : (values.map((id) => table.place.get(id)!) as typeof values);
    },
  };
}

/** The input whose ids a weight is looked up by, where that is all that is done with it. */
export function lookedUpBy({ values, nodes }: Graph, tensor: string): string | undefined {
  const readers = nodes.filter(({ inputs }) =>
    inputs.some((id) => {
      const value = id === null ? undefined : values[id];
      return value?.source === 'weight' && value.tensor === tensor;
    }),
  );
  if (readers.length === 0 || readers.some(({ op }) => op !== 'lookup')) return undefined;
  const ids = new Set(readers.map(({ inputs }) => inputs[0]!));
  const [id] = ids;
  const value = values[id];
  return ids.size === 1 && value.source === 'input' ? value.name : undefined;
}

/** Ids that an input holds in all sequences: ascending, each once. */
export function tableIds(sequences: Sequences, input: string): Int32Array {
  const order = Array.from({ length: sequences.sequences }, (_, i) => i);
  return Int32Array.from(new Set(sequences.input(input, order) as Int32Array)).sort();
}

/**
 * Reads the rows that `ids` name, chunk by chunk: the whole table is never in memory. Throws RangeError for ids outside it.
 * @param ids ascending, each once
 */
export async function tableRows(tensor: ModelTensor, ids: Int32Array): Promise<TableRows> {
  const [rows, columns] = tensor.shape;
  if (ids[0] < 0 || ids[ids.length - 1] >= rows)
    throw new RangeError(`token ids run from ${ids[0]} to ${ids[ids.length - 1]}, the vocabulary has ${rows} tokens`);
  const values = new Float32Array(ids.length * columns);
  for (let start = 0, i = 0; start < rows && i < ids.length; start += CHUNK_ROWS) {
    const end = Math.min(start + CHUNK_ROWS, rows);
    if (ids[i] >= end) continue;
    const chunk = await tensor.load(start, end);
    for (; i < ids.length && ids[i] < end; i++) {
      const from = (ids[i] - start) * columns;
      values.set(chunk.subarray(from, from + columns), i * columns);
    }
  }
  return { ids, place: new Map(Array.from(ids, (id, i) => [id, i])), values };
}
