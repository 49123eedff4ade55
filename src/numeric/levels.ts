/** The integers low … high as levels. */
export function integerLevels(low: number, high: number): Float32Array {
  return Float32Array.from({ length: high - low + 1 }, (_, i) => low + i);
}

/** Entries of `nearestTable`. */
export const TABLE_SIZE = 512;

/**
 * Index of the level nearest to every position: entry k serves positions from k/2 − 128 up to the next entry. Exact for
 * integer levels within −128 … 127, because their midpoints are halves; a position midway takes the upper level.
 * @returns [512]
 */
export function nearestTable(levels: Float32Array): Uint8Array {
  let code = 0;
  return Uint8Array.from({ length: TABLE_SIZE }, (_, k) => {
    const position = k / 2 - 128;
    while (code + 1 < levels.length && position >= (levels[code] + levels[code + 1]) / 2) code++;
    return code;
  });
}
