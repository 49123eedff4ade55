import { POINT_SIZE } from '../../numeric/patterns.ts';
import { PATH_BLOCK, type Trellis } from '../../numeric/search/sets/paths.ts';
import { PLANE_GROUP } from '../../numeric/search/sets/planes.ts';
import type { SetSearches } from '../../numeric/search/sets/sets.ts';
import { BOOK_WORDS } from '../../numeric/search/sets/sums.ts';
import type { VectorStage, WordList } from '../../numeric/search/sets/vectors.ts';
import { run } from './call.ts';
import { patternRecord, type Tables, tablesOf } from './tables.ts';
import type { Team } from './team.ts';

/** Operations that a value takes, about. */
const PATH_WORK = 1e4;
const PLANE_WORK = 1e3;
const SUM_WORK = 1e3;
const VECTOR_WORK = 1e4;

const MOST_BEAM = 4;
const MOST_BOOKS = 16;

/** Searches of paths, planes, sums and vectors in `assembly/search`: arrays are copied there and back. */
export function setSearchKernels(team: Team): SetSearches {
  const tables = tablesOf(team);
  return {
    nearestPaths: ({ trellis, columns, x, w, states }) => {
      requireLengths('nearestPaths', x.length, [w.length, states.length]);
      const { bits, steps, levels } = trellis;
      const blocks = (x.length / columns) * Math.ceil(columns / PATH_BLOCK);
      withRoom(team, leastBytes(trellis), (room, bytes) =>
        run(team, 'nearestPaths', PATH_WORK * x.length, {
          inputs: [tables.of(levels, () => copyOf(levels)), x, w],
          outputs: [states],
          numbers: [room, bytes, bits, fourBytes(steps), columns, blocks],
        }),
      );
    },
    searchPlanes: ({ sums, values, importance, scales }) => {
      const groups = values.length / PLANE_GROUP;
      const weights = importance?.length ?? values.length;
      requireLengths('searchPlanes', values.length, [weights, (scales.length / sums.planes) * PLANE_GROUP]);
      run(team, 'searchPlanes', PLANE_WORK * values.length, {
        inputs: [values, importance],
        outputs: [scales],
        numbers: [sums.digits, sums.planes, groups],
      });
    },
    nearestSums: ({ books: { size, words }, beam, x, w, codes }) => {
      const books = words.length / (BOOK_WORDS * size);
      requireLengths('nearestSums', x.length, [w.length, (codes.length / books) * size]);
      if (beam > MOST_BEAM || books > MOST_BOOKS || size > POINT_SIZE)
        throw new RangeError(`nearestSums of ${beam} sums of ${books} words of ${size} values is too large`);
      run(team, 'nearestSums', SUM_WORK * books * x.length, {
        inputs: [words, transposed(words, size), x, w],
        outputs: [codes],
        numbers: [size, books, beam, x.length / size],
      });
    },
    searchVectors: ({ stages, columns, x, w, scale, codes }) => {
      const perStage = (codes.length * POINT_SIZE) / stages.length;
      requireLengths('searchVectors', x.length, [w.length, scale.length * columns, perStage]);
      const perThread = 8 * columns + (2 * stages.length * columns) / POINT_SIZE;
      withRoom(team, Math.ceil(perThread / 16) * 16, (room, bytes) =>
        run(team, 'searchVectors', VECTOR_WORK * x.length, {
          inputs: [stageList(tables, stages), x, w],
          outputs: [scale, codes],
          numbers: [room, bytes, stages.length, columns, scale.length],
        }),
      );
    },
  };
}

function requireLengths(name: string, count: number, others: readonly number[]): void {
  const other = others.find((length) => length !== count);
  if (other !== undefined) throw new RangeError(`${name} of ${count} values got an array for ${other}`);
}

/** Calls back with memory of so many bytes for every thread. */
function withRoom(team: Team, bytes: number, work: (room: number, bytes: number) => void): void {
  team.scope(() => work(team.allocate(team.threads * bytes), bytes));
}

/** The least costs before each value of a block and after the last: of as many rests as there are at most. */
function leastBytes({ bits, steps }: Trellis): number {
  return (PATH_BLOCK + 1) * 4 * 2 ** (bits - Math.min(...steps));
}

function fourBytes([a, b, c, d]: readonly number[]): number {
  return a | (b << 8) | (c << 16) | (d << 24);
}

function copyOf(values: Float32Array): ArrayBuffer {
  return new Float32Array(values).buffer;
}

/** [books, 256, size] to [books, size, 256] */
function transposed(words: Float32Array, size: number): Float32Array {
  const book = BOOK_WORDS * size;
  return Float32Array.from(words, (_, at) => {
    const within = at % book;
    return words[at - within + (within % BOOK_WORDS) * size + Math.floor(within / BOOK_WORDS)];
  });
}

/** What each stage is, and the address of its record: assembly/search/sets/vectors.ts. */
function stageList(tables: Tables, stages: readonly VectorStage[]): Int32Array {
  return Int32Array.from(
    stages.flatMap((stage) =>
      stage.kind === 'patterns'
        ? [1, tables.of(stage, () => patternRecord(stage))]
        : [0, tables.of(stage, () => listRecord(stage))],
    ),
  );
}

/** Words, then the same transposed. */
function listRecord({ words }: WordList): ArrayBuffer {
  return Float32Array.of(...words, ...transposed(words, POINT_SIZE)).buffer;
}
