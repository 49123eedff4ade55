import { loadBlock } from '../block.ts';
import { levelCodes, searchScaleCode } from './level.ts';
import { nestedCodes, searchNestedScale } from './nested.ts';
import type { FoundGroups, GroupSearch } from './types.ts';
import { searchZeroPoint, zeroPointCodes } from './zeropoint.ts';

/** Room for what is found in `groups` groups of `group` values. */
export function foundGroups(groups: number, group: number): FoundGroups {
  return {
    scale: new Uint32Array(groups),
    zero: new Uint8Array(groups),
    codes: new Uint16Array(groups * group),
  };
}

/** See `GroupSearches.encodeGroups`. */
export function encodeGroups(
  search: GroupSearch,
  group: number,
  values: Float32Array,
  importance: Float32Array | undefined,
  found: FoundGroups,
): void {
  const x = new Float64Array(group);
  const w = new Float64Array(group);
  for (let g = 0, from = 0; from < values.length; g++, from += group) {
    loadBlock(values, importance, from, group, x, w);
    const part = values.subarray(from, from + group);
    const codes = found.codes.subarray(from, from + group);
    if (search.kind === 'levels') {
      const { element, type, outer } = search;
      found.scale[g] = searchScaleCode(element, type, x, w, outer);
      levelCodes(element, type, found.scale[g], outer, part, codes);
    } else if (search.kind === 'zeroPoint') {
      const { code, zero } = searchZeroPoint(search, x, w);
      found.scale[g] = code;
      found.zero[g] = zero;
      zeroPointCodes(search, code, zero, part, codes);
    } else {
      found.scale[g] = searchNestedScale(search, x, w);
      nestedCodes(search.type.value(found.scale[g]), part, codes);
    }
  }
}
