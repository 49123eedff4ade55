import { rewrite } from '../graph/rewrite.ts';
import type { Graph } from '../graph/types.ts';

/** A graph whose weight has only so many rows: for running one tile of it after the other. */
export function tiled(graph: Graph, tensor: string, rows: number): Graph {
  const shapeOf = (name: string, [all, ...rest]: readonly number[]): number[] => [
    name === tensor ? rows : all,
    ...rest,
  ];
  return rewrite(graph, () => undefined, shapeOf);
}
