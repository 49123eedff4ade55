/** squares_i += p_ti², where g = onehot(ŷ) − p: positive at the sampled label only. */
export function probabilitySquares(g: Float32Array, squares: Float64Array): void {
  const n = squares.length;
  for (let at = 0; at < g.length; ) {
    let label = -1;
    for (let i = 0; i < n; i++, at++) {
      const value = g[at];
      squares[i] += value * value;
      if (value > 0) label = i;
    }
    // (1 − p)² was added at the label; p² = (1 − g)² belongs there.
    if (label >= 0) squares[label] += 1 - 2 * g[at - n + label];
  }
}
