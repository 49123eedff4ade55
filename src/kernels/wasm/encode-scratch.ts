import { encodeRows, format } from '../../numeric/table.ts';
import { ALIGNMENT } from './allocator.ts';
import { castKernels } from './cast.ts';
import { entropyKernels } from './entropy.ts';
import { searchKernels } from './search.ts';
import type { Team } from './team.ts';

/** Room for what an encoder copies, by the bytes of its values: codes and scales are fewer. Beside it, room for tables. */
const ROOM = 8;
const TABLE_BYTES = 2 ** 22;
const PAGE = 65536;

const known = new Map<string, number>();

/**
 * Most bytes that encoding rows of a format takes at a time, values lying in the kernels' memory already: counted by
 * encoding zeros with a team that computes nothing. Tables that stay are left out.
 */
export function encodeScratch(name: string, rows: number, columns: number): number {
  const key = JSON.stringify([name, rows, columns]);
  const found = known.get(key) ?? countScratch(name, rows, columns);
  known.set(key, found);
  return found;
}

function countScratch(name: string, rows: number, columns: number): number {
  const bytes = 4 * rows * columns;
  const team = new CountingTeam(ROOM * bytes + TABLE_BYTES);
  const values = new Float32Array(team.memory.buffer, team.allocate(bytes), rows * columns);
  const backend = { ...searchKernels(team), ...castKernels(team), entropy: entropyKernels(team) };
  const before = team.used;
  encodeRows(format(name), values, columns, undefined, undefined, backend);
  return team.peak - before;
}

/** A team without threads: keeps the books of its memory. */
class CountingTeam implements Team {
  readonly threads = 1;
  readonly memory: WebAssembly.Memory;
  readonly build = 'scalar';
  used = 0;
  peak = 0;
  #tables: number;

  constructor(bytes: number) {
    this.memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
    this.#tables = this.memory.buffer.byteLength;
  }

  readonly address = ({ byteOffset }: ArrayBufferView): number => byteOffset;

  allocate(bytes: number): number {
    const place = this.used;
    this.used += Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
    this.peak = Math.max(this.peak, this.used);
    return place;
  }

  /** From the end downwards, where nothing else comes. */
  allocateTable(bytes: number): number {
    this.#tables -= Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return this.#tables;
  }

  /** Memory of scopes is given back by them. */
  release(): void {}

  scope<T>(work: () => T): T {
    const before = this.used;
    try {
      return work();
    } finally {
      this.used = before;
    }
  }

  dispatch(): void {}

  statistics(): { used: number; peak: number } {
    return { used: this.used, peak: this.peak };
  }

  close(): void {}
}
