import type { Recipe } from './types.ts';

/**
 * Values of a constant.
 * @param rows how many of its first dimension
 */
export function constantValues(recipe: Recipe, rows: number): Float32Array {
  return ropeTable(recipe, rows);
}

/** cos and sin of every position and pair. → [positions, pairs, 2] */
function ropeTable({ frequencies, magnitude }: Recipe, positions: number): Float32Array {
  const pairs = frequencies.length;
  const table = new Float32Array(positions * pairs * 2);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < pairs; i++) {
      const angle = position * frequencies[i];
      table[(position * pairs + i) * 2] = Math.cos(angle) * magnitude;
      table[(position * pairs + i) * 2 + 1] = Math.sin(angle) * magnitude;
    }
  }
  return table;
}
