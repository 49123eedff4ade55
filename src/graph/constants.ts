import type { Recipe } from './types.ts';

/**
 * Values of a constant.
 * @param shape with its symbols bound
 */
export function constantValues(recipe: Recipe, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  switch (recipe.kind) {
    case 'rope':
      return ropeTable(recipe, shape[0]);
    case 'temperature':
      return temperatures(recipe, count);
    case 'fill':
      return new Float32Array(count).fill(recipe.value);
    case 'band':
      return band(recipe, shape[0], shape[1]);
    case 'chunks':
      return chunks(recipe.size, shape[0], shape[1]);
  }
}

/** cos and sin of every position and pair. → [positions, pairs, 2] */
function ropeTable(recipe: Extract<Recipe, { kind: 'rope' }>, positions: number): Float32Array {
  const { magnitude, long } = recipe;
  const { frequencies } = long !== undefined && positions > long.beyond ? long : recipe;
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

/** 1 + scale · ln(1 + ⌊(position + offset) / length⌋) of every position. */
function temperatures(
  { scale, length, offset }: Extract<Recipe, { kind: 'temperature' }>,
  positions: number,
): Float32Array {
  return Float32Array.from(
    { length: positions },
    (_, position) => 1 + scale * Math.log(1 + Math.floor((position + offset) / length)),
  );
}

/** 1 where −before ≤ column − row ≤ after, else 0. → [rows, columns] */
function band({ before, after }: Extract<Recipe, { kind: 'band' }>, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const distance = (i % columns) - Math.floor(i / columns);
    return (before === null || -before <= distance) && (after === null || distance <= after) ? 1 : 0;
  });
}

/** 1 where row and column stand in one chunk, else 0. → [rows, columns] */
function chunks(size: number, rows: number, columns: number): Float32Array {
  const chunkOf = (index: number): number => Math.floor(index / size);
  return Float32Array.from({ length: rows * columns }, (_, i) =>
    chunkOf(Math.floor(i / columns)) === chunkOf(i % columns) ? 1 : 0,
  );
}
