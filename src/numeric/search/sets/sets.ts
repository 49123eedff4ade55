import { nearestPaths, type PathTask } from './paths.ts';
import { type PlaneTask, searchPlanes } from './planes.ts';
import { nearestSums, type SumTask } from './sums.ts';
import { searchVectors, type VectorTask } from './vectors.ts';

/** The searches whose values are chosen together, or out of several codes each. */
export interface SetSearches {
  /** Circular paths through a trellis. */
  nearestPaths(task: PathTask): void;
  /** Scales of sums of planes. */
  searchPlanes(task: PlaneTask): void;
  /** Sums of words of several books. */
  nearestSums(task: SumTask): void;
  /** Scales and points of rows, stage after stage. */
  searchVectors(task: VectorTask): void;
}

export const setSearches: SetSearches = { nearestPaths, searchPlanes, nearestSums, searchVectors };
