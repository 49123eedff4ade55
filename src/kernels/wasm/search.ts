import type { EncodeBackend } from '../../numeric/backend.ts';
import type { Caster } from '../../numeric/casts.ts';
import type { GridSearch } from '../../numeric/search/grid/types.ts';
import { GROUP } from '../../numeric/search/points/points.ts';
import { POINT_BLOCK, type PointScale } from '../../numeric/search/points/types.ts';
import { BookShelf } from './books.ts';
import { requireBlocks, run } from './call.ts';
import { groupKernel } from './groups.ts';
import { setSearchKernels } from './sets.ts';
import type { Team } from './team.ts';

/** Places in the words of a search, see assembly/search/grid/spec.ts. */
const STARTS = 16;
const TABLE = 48;
const MOST_STARTS = 16;
const MOST_VALUES = 256;

/** Operations that a value takes, about. */
const SEARCH_WORK = 100;
const NEAREST_WORK = 4;
const POINT_WORK = 30;

/** Searches in `assembly/search`: arrays are copied there and back. */
export function searchKernels(team: Team): Omit<EncodeBackend, keyof Caster | 'entropy'> {
  const shelf = new BookShelf(team);
  return {
    encodeGroups: groupKernel(team),
    searchScales: (search, values, importance, found) => {
      const size = search.subBlocks * search.subBlock;
      requireBlocks(values, importance, size);
      run(team, 'searchScales', SEARCH_WORK * values.length, {
        inputs: [words(search), values, importance],
        outputs: [found.d, found.minimum, found.a, found.b],
        numbers: [values.length / size],
      });
    },
    nearestCodes: (nearest, subBlock, values, scale, offset, codes) => {
      const count = values.length / subBlock;
      if (scale.length < count || offset.length < count || codes.length < values.length)
        throw new RangeError(`nearestCodes of ${values.length} values got too few scales, offsets or codes`);
      run(team, 'nearestCodes', NEAREST_WORK * values.length, {
        inputs: [nearest, values, scale.subarray(0, count), offset.subarray(0, count)],
        outputs: [codes.subarray(0, values.length)],
        numbers: [subBlock, count],
      });
    },
    searchPointScales: (search, values, importance, found) => {
      requireBlocks(values, importance, POINT_BLOCK);
      run(team, 'searchPointScales', SEARCH_WORK * POINT_WORK * values.length, {
        inputs: [pointWords(search), shelf.list(search.books), values, importance],
        outputs: [found.d, found.a, found.which],
        numbers: [values.length / POINT_BLOCK],
      });
    },
    nearestPoints: ({ books, x, w, scale, which, codes, q }) => {
      const groups = x.length / GROUP;
      const isShared = w.length === GROUP;
      const tooShort = scale.length < groups || which.length < groups || q.length < x.length;
      if (tooShort || !(isShared || w.length === x.length))
        throw new RangeError(`nearestPoints of ${groups} groups got arrays of other lengths`);
      run(team, 'nearestPoints', POINT_WORK * x.length, {
        inputs: [shelf.list(books), x, w, scale.subarray(0, groups), which.subarray(0, groups)],
        outputs: [codes.entries, codes.signs, q],
        numbers: [isShared ? 0 : 8 * GROUP, groups],
      });
    },
    ...setSearchKernels(team),
  };
}

function words(search: GridSearch): Float64Array {
  const { levels, starts } = search.search;
  const isAffine = 'maximum' in search.search;
  const count = isAffine ? starts.length / 2 : starts.length;
  if (search.subBlocks > 16 || search.subBlocks * search.subBlock > MOST_VALUES || count > MOST_STARTS)
    throw new RangeError(`search of ${search.subBlocks} × ${search.subBlock} values by ${count} starts is too large`);
  const scales = 'scales' in search ? search.scales : new Float64Array(0);
  const place = TABLE + levels.table.length;
  const spec = new Float64Array(place + scales.length);
  spec.set([levels.low, levels.high, levels.areIntegers ? 1 : 0, count, search.subBlocks, search.subBlock]);
  if (search.kind === 'superScale') spec.set([search.lowest, search.highest, search.reach], 6);
  if (search.kind === 'superAffine') spec.set([search.highest], 7);
  if (search.kind === 'powerScale') spec.set([search.highest, search.reach], 7);
  if (search.kind === 'nearScale') spec.set([scales.length - 1, search.reach], 7);
  spec.set([scales.length, search.kind === 'nearScale' ? 1 : 0, place], 11);
  if ('maximum' in search.search) spec.set([search.search.maximum, search.search.anySign ? 1 : 0], 9);
  spec.set(starts, STARTS);
  spec.set(levels.table, TABLE);
  spec.set(scales, place);
  return spec;
}

function pointWords({ subBlock, unit, highest, starts, books }: PointScale): Float64Array {
  return Float64Array.of(subBlock, unit, highest, starts.length, books.length, ...starts);
}
