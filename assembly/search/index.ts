/*
 * Scale searches: the same as src/numeric/search, in the same order of operations, so that every build gives the same
 * bits. No fused instruction stands here, and a relaxed one only where its result is not left open.
 */
export { nearestCodes, searchScales } from './grid/blocks';
export { encodeGroups } from './groups/groups';
export { nearestPoints } from './points/points';
export { searchPointScales } from './points/pointscale';
export { nearestPaths } from './sets/paths';
export { searchPlanes } from './sets/planes';
export { nearestSums } from './sets/sums';
export { searchVectors } from './sets/vectors';
