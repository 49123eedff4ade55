/*
 * Scale searches: the same as src/numeric/search, in the same order of operations, so that every build gives the same
 * bits. No fused or relaxed instruction stands here.
 */
export { nearestCodes, searchScales } from './blocks';
export { encodeGroups } from './groups';
export { nearestPoints } from './points';
export { searchPointScales } from './pointscale';
