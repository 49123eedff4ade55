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

/** y[n] = Σ over rows of x, in float64. */
export function sumRows(x: Float32Array, y: Float32Array): void {
  const n = y.length;
  const sums = new Float64Array(n);
  for (let at = 0; at < x.length; ) for (let i = 0; i < n; i++, at++) sums[i] += x[at];
  y.set(sums);
}

/** ds_i = Σ x·dy over all rows and the run of columns that factor i stands for, in float64. */
export function scaleColumnsGradient(x: Float32Array, dy: Float32Array, ds: Float32Array, columns: number): void {
  const sums = new Float64Array(ds.length);
  const run = columns / ds.length;
  for (let start = 0; start < x.length; start += columns)
    for (let i = 0, at = start; i < ds.length; i++) for (let end = at + run; at < end; at++) sums[i] += x[at] * dy[at];
  ds.set(sums);
}
