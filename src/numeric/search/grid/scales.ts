import { loadBlock } from '../block.ts';
import { findAffine } from './affine.ts';
import { findScale } from './scale.ts';
import { findNearScales, findPowerScales } from './stored.ts';
import { findSuperAffine } from './superaffine.ts';
import { findSuperScale } from './superscale.ts';
import type { FoundScales, GridSearch } from './types.ts';

const BLOCK = 256;
const x = new Float64Array(BLOCK);
const w = new Float64Array(BLOCK);

/** Searches blocks one after the other; see `GridSearches.searchScales`. */
export function searchScales(
  search: GridSearch,
  values: Float32Array,
  importance: Float32Array | undefined,
  found: FoundScales,
): void {
  const size = search.subBlocks * search.subBlock;
  for (let i = 0; i * size < values.length; i++) {
    loadBlock(values, importance, i * size, size, x, w);
    findScales(search, found, i);
  }
}

/** Searches the block in x and w. */
function findScales(search: GridSearch, found: FoundScales, i: number): void {
  if (search.kind === 'scale') findScale(search, x, w, found, i);
  else if (search.kind === 'affine') findAffine(search, x, w, found, i);
  else if (search.kind === 'superScale') findSuperScale(search, x, w, found, i);
  else if (search.kind === 'powerScale') findPowerScales(search, x, w, found, i);
  else if (search.kind === 'nearScale') findNearScales(search, x, w, found, i);
  else findSuperAffine(search, x, w, found, i);
}
