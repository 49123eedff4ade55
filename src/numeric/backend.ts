import { type Caster, plainCaster } from './casts.ts';
import { plainCoder } from './entropy/coder.ts';
import type { EntropyCoder } from './entropy/types.ts';
import { nearestCodes } from './search/grid/codes.ts';
import { searchScales } from './search/grid/scales.ts';
import type { GridSearches } from './search/grid/types.ts';
import { encodeGroups } from './search/groups/grouped.ts';
import type { GroupSearches } from './search/groups/types.ts';
import { nearestPoints } from './search/points/points.ts';
import { searchPointScales } from './search/points/pointscale.ts';
import type { PointSearches } from './search/points/types.ts';
import { type SetSearches, setSearches } from './search/sets/sets.ts';

/**
 * Carries out what encoders are made of: searches of scales, codes and points, casts, entropy coding. `plainBackend`
 * defines it; every other one (kernels in WebAssembly) finds the same, bit for bit. Arrays may lie in any memory.
 */
export interface EncodeBackend extends GridSearches, PointSearches, GroupSearches, SetSearches, Caster {
  readonly entropy: EntropyCoder;
}

/** In plain JavaScript. */
export const plainBackend: EncodeBackend = {
  searchScales,
  nearestCodes,
  searchPointScales,
  nearestPoints,
  encodeGroups,
  ...setSearches,
  ...plainCaster,
  entropy: plainCoder,
};
