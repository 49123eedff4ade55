import type { CodeMatrix } from './types.ts';

/** Distances in columns at which codes may repeat: sizes of heads. */
export const LAGS: readonly number[] = [0, 16, 32, 64, 96, 128, 192, 256];
/** Equal codes must be more frequent than chance by this factor for a lag to be tried. */
const LEAST_EXCESS = 1.15;

/** The lag at which most codes are equal; 0 where none stands out. */
export function bestLag({ rows, columns, symbols, codes }: CodeMatrix): number {
  const counts = new Float64Array(symbols);
  for (const code of codes) counts[code]++;
  const chance = counts.reduce((sum, count) => sum + (count / codes.length) ** 2, 0);
  let best = 0;
  let most = LEAST_EXCESS * chance;
  for (const lag of LAGS) {
    if (lag === 0 || lag >= columns) continue;
    let equal = 0;
    for (let i = 0; i < rows; i++)
      for (let at = i * columns + lag; at < (i + 1) * columns; at++) if (codes[at] === codes[at - lag]) equal++;
    const share = equal / (rows * (columns - lag));
    if (share > most) {
      most = share;
      best = lag;
    }
  }
  return best;
}

/** Differences to the codes `lag` columns before, modulo the number of symbols; the first columns stay. */
export function subtractLag(matrix: CodeMatrix, lag: number): CodeMatrix {
  if (lag === 0) return matrix;
  const { columns, symbols, codes } = matrix;
  const differences = codes.map((code, at) => (at % columns < lag ? code : (code - codes[at - lag]) & (symbols - 1)));
  return { ...matrix, codes: differences };
}

/** Undoes `subtractLag` in place. */
export function addLag({ columns, symbols, codes }: CodeMatrix, lag: number): void {
  if (lag === 0) return;
  for (let row = 0; row < codes.length; row += columns)
    for (let at = row + lag; at < row + columns; at++) codes[at] = (codes[at] + codes[at - lag]) & (symbols - 1);
}
