import { ownCoder } from '../entropy/coder.ts';
import { findAffine } from './affine.ts';
import { loadBlock } from './block.ts';
import { nearestCodes } from './codes.ts';
import { encodeGroups } from './grouped.ts';
import { nearestPoints } from './points.ts';
import { searchPointScales } from './pointscale.ts';
import { findScale } from './scale.ts';
import { ownSetSearcher } from './sets.ts';
import { findNearScales, findPowerScales } from './stored.ts';
import { findSuperAffine } from './superaffine.ts';
import { findSuperScale } from './superscale.ts';
import type { FoundScales, GridSearch, Searcher } from './types.ts';

const BLOCK = 256;
const x = new Float64Array(BLOCK);
const w = new Float64Array(BLOCK);

/** The searches as this room defines them. */
export const ownSearcher: Searcher = {
  searchScales(search, values, importance, found) {
    const size = search.subBlocks * search.subBlock;
    for (let i = 0; i * size < values.length; i++) {
      loadBlock(values, importance, i * size, size, x, w);
      findScales(search, found, i);
    }
  },
  nearestCodes,
  searchPointScales,
  nearestPoints,
  encodeGroups,
  ...ownSetSearcher,
  castValues: (cast, values, bytes) => cast.encode(values, bytes),
  entropy: ownCoder,
};

/** Searches the block in x and w. */
function findScales(search: GridSearch, found: FoundScales, i: number): void {
  if (search.kind === 'scale') findScale(search, x, w, found, i);
  else if (search.kind === 'affine') findAffine(search, x, w, found, i);
  else if (search.kind === 'superScale') findSuperScale(search, x, w, found, i);
  else if (search.kind === 'powerScale') findPowerScales(search, x, w, found, i);
  else if (search.kind === 'nearScale') findNearScales(search, x, w, found, i);
  else findSuperAffine(search, x, w, found, i);
}
