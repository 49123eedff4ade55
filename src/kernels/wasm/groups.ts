import type { EncodeBackend } from '../../numeric/backend.ts';
import type { Element } from '../../numeric/elements.ts';
import type { ScaleType } from '../../numeric/scales.ts';
import { encodeGroups } from '../../numeric/search/groups/grouped.ts';
import { COARSE_PRECISION, levelStarts } from '../../numeric/search/groups/level.ts';
import { NESTED_STARTS } from '../../numeric/search/groups/nested.ts';
import type { GroupSearch, LevelSearch, NestedSearch, ZeroPointSearch } from '../../numeric/search/groups/types.ts';
import { RANGES } from '../../numeric/search/groups/zeropoint.ts';
import { requireBlocks, run } from './call.ts';
import { type Cells, cellsOf } from './cells.ts';
import { tablesOf } from './tables.ts';
import type { Team } from './team.ts';

/** Operations that a value takes, about. */
const WORK = 200;
/** Places in the words of a search, see assembly/search/groups/groupspec.ts. */
const ELEMENT_LARGEST = 11;
const OUTER = 12;
const SCALE = 13;
const CELLS = 18;
const NARROWING = 21;
const STARTS = 31;
const MOST_STARTS = 17;
const kinds = { levels: 0, zeroPoint: 1, nested: 2 };
const roundings = { integers: 0, upwards: 1, float: 2, table: 3, nested: 4 };
const narrowingRules = { sliceMsb: 0, roundAgain: 1 };
const MOST_WIDTHS = 3;
const STORED_BITS = 8;

/** Values of a group beyond which it is left to the definition: 10 bytes a value would be more than 640 MiB of kernel memory. */
const MOST_VALUES = 2 ** 26;

/**
 * `encodeGroups` in `assembly/search/groups/groups.ts`. For the time of a call kernel memory holds its values, importance and codes,
 * 10 bytes a value, and nothing else that grows with a group. Threads share groups: a single one is searched by one thread.
 */
export function groupKernel(team: Team): EncodeBackend['encodeGroups'] {
  const tables = tablesOf(team);
  return (search, group, values, importance, found) => {
    requireBlocks(values, importance, group);
    if (group > MOST_VALUES) return encodeGroups(search, group, values, importance, found);
    const count = values.length / group;
    const { scale, zero, codes } = found;
    if (scale.length < count || zero.length < count || codes.length < values.length)
      throw new RangeError(`encodeGroups of ${count} groups of ${group} got too little room for what it finds`);
    const cells = search.kind === 'levels' ? cellsOfElement(search.element) : undefined;
    run(team, 'encodeGroups', WORK * values.length, {
      inputs: [words(search, cells), cells && tables.of(cells, () => cells.records), values, importance],
      outputs: [scale.subarray(0, count), zero.subarray(0, count), codes.subarray(0, values.length)],
      numbers: [group, count],
    });
  };
}

function words(search: GroupSearch, cells: Cells | undefined): Float64Array {
  const spec = new Float64Array(STARTS + 1 + MOST_STARTS);
  spec[0] = kinds[search.kind];
  spec.set(scaleWords(search.type), SCALE);
  if (search.kind === 'levels') levelWords(spec, search, cells);
  else if (search.kind === 'zeroPoint') zeroPointWords(spec, search);
  else nestedWords(spec, search);
  return spec;
}

function setStarts(spec: Float64Array, starts: readonly number[]): void {
  if (starts.length > MOST_STARTS) throw new RangeError(`search of groups by ${starts.length} starts is too large`);
  spec[STARTS] = starts.length;
  spec.set(starts, STARTS + 1);
}

function scaleWords({ grid, isRoundedTwice, precision }: ScaleType): number[] {
  const isCoarse = precision <= COARSE_PRECISION ? 1 : 0;
  if (grid === undefined) return [-1, 0, 0, 0, isCoarse];
  return [grid.mantissaBits, grid.smallestNormal, grid.largest, isRoundedTwice ? 1 : 0, isCoarse];
}

function levelWords(spec: Float64Array, { element, outer }: LevelSearch, cells: Cells | undefined): void {
  const { rounding, bits, largest } = element;
  spec[1] = roundings[rounding.kind];
  spec[5] = bits;
  if (rounding.kind === 'integers') spec.set([rounding.low, rounding.high, rounding.step], 2);
  if (rounding.kind === 'float') {
    const { mantissaBits, smallestNormal, largest: most } = rounding.grid;
    spec.set([2 ** (52 - mantissaBits), smallestNormal, most, rounding.negative, rounding.hasNegativeZero ? 1 : 0], 6);
  }
  if (cells !== undefined) spec.set([cells.shift, cells.least, cells.most], CELLS);
  spec[ELEMENT_LARGEST] = largest;
  spec[OUTER] = outer;
  setStarts(spec, levelStarts(element));
}

function zeroPointWords(spec: Float64Array, { bits }: ZeroPointSearch): void {
  spec.set([roundings.upwards, 0, 2 ** bits - 1, 1, bits], 1);
  setStarts(spec, RANGES);
}

function nestedWords(spec: Float64Array, { narrowing, widths }: NestedSearch): void {
  if (widths.length < 1 || widths.length > MOST_WIDTHS)
    throw new RangeError(`nested search of ${widths.length} widths: expected 1 to ${MOST_WIDTHS}`);
  const half = 2 ** (STORED_BITS - 1);
  spec.set([roundings.nested, -half, half - 1, 1, STORED_BITS], 1);
  const padded = Array.from({ length: MOST_WIDTHS }, (_, i) => widths[i] ?? STORED_BITS);
  spec.set([narrowingRules[narrowing], widths.length, ...padded], NARROWING);
  setStarts(spec, NESTED_STARTS);
}

const known = new WeakMap<Element, Cells>();

/** Cells of an element's table of levels; undefined for elements that need none. */
function cellsOfElement(element: Element): Cells | undefined {
  if (element.rounding.kind !== 'table') return undefined;
  const cells = known.get(element) ?? cellsOf(element.rounding);
  known.set(element, cells);
  return cells;
}
