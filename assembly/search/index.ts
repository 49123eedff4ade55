/*
 * Scale searches: the same as src/numeric/search, in the same order of operations, so that every build gives the same
 * bits. No fused instruction stands here, and a relaxed one only where its result is not left open.
 */
export { nearestCodes, searchScales } from './blocks';
export { encodeGroups } from './groups';
export { nearestPoints } from './points';
export { searchPointScales } from './pointscale';
export { nearestPaths } from './paths';
export { searchPlanes } from './planes';
export { nearestSums } from './sums';
export { searchVectors } from './vectors';
