import type { Random } from '../../src/core/random.ts';
import { weightsOf } from '../../src/graph/segments.ts';
import type { Graph } from '../../src/graph/types.ts';
import { normals } from '../measure/support.ts';

/** Numbers for every tensor that a graph reads: gains and biases near 1, matrices that keep the size of their inputs. */
export function randomWeights(graph: Graph, random: Random): Map<string, { shape: number[]; values: Float32Array }> {
  const read = new Set(weightsOf(graph));
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const value of graph.values) {
    if (value.source !== 'weight' || !read.has(value.tensor)) continue;
    const shape = value.shape as number[];
    const [rows, columns] = shape;
    const vector = () => normals(random, rows, 0.2).map((number) => 1 + number);
    const values = columns === undefined ? vector() : normals(random, rows * columns, 1 / Math.sqrt(columns));
    tensors.set(value.tensor, { shape, values });
  }
  return tensors;
}
