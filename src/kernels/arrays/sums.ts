/*
 * What measuring sums of arrays, in float64 and in the order of tokens. One definition for all devices on arrays.
 */

/** energy_i += Σ_t g_ti² and weight_t = |g_t|². */
export function rowEnergy(g: Float32Array, energy: Float64Array, weight: Float32Array): void {
  const rows = energy.length;
  for (let t = 0, at = 0; t < weight.length; t++) {
    let norm = 0;
    for (let i = 0; i < rows; i++, at++) {
      const square = g[at] * g[at];
      energy[i] += square;
      norm += square;
    }
    weight[t] = norm;
  }
}

/** energy_i = Σ_t x_ti². */
export function columnEnergy(x: Float32Array, energy: Float64Array): void {
  const columns = energy.length;
  energy.fill(0);
  for (let at = 0; at < x.length; ) for (let c = 0; c < columns; c++, at++) energy[c] += x[at] * x[at];
}

/** Sizes of a sketch: rows that are changed, outputs, one changed row in so many, sequences. */
export interface SketchShape {
  readonly count: number;
  readonly width: number;
  readonly stride: number;
  readonly sequences: number;
}

/** Per sequence ⟨G, δW⟩, its square, Σ_i ⟨G, δw_i⟩² and Σ_t Σ_i (g_ti·δw_i·x_t)². @param sums out, [sequences, 4] */
export function sketch(change: Float32Array, g: Float32Array, sums: Float64Array, shape: SketchShape): void {
  const { count, width, stride, sequences } = shape;
  const length = g.length / width / sequences;
  const perRow = new Float64Array(count);
  for (let s = 0; s < sequences; s++) {
    perRow.fill(0);
    let tokenProducts = 0;
    for (let t = s * length; t < (s + 1) * length; t++) {
      let squares = 0;
      for (let r = 0, at = t * count, from = t * width; r < count; r++, at++, from += stride) {
        const product = change[at] * g[from];
        perRow[r] += product;
        squares += product * product;
      }
      tokenProducts += squares;
    }
    let [inner, rowProducts] = [0, 0];
    for (const value of perRow) {
      inner += value;
      rowProducts += value * value;
    }
    sums.set([inner, inner * inner, rowProducts, tokenProducts], 4 * s);
  }
}

/**
 * The same at the outputs of a categorical model. Labels of different tokens are independent, so products of tokens
 * vanish, and the mean over labels is known: E⟨g, δy⟩² is the variance of δy under p.
 * @param g onehot(ŷ) − p
 */
export function outputSketch(change: Float32Array, g: Float32Array, sums: Float64Array, shape: SketchShape): void {
  const { count, width, stride, sequences } = shape;
  const length = g.length / width / sequences;
  for (let s = 0; s < sequences; s++) {
    let [products, squares, rowProducts] = [0, 0, 0];
    for (let t = s * length; t < (s + 1) * length; t++) {
      let [inner, mean, square, byRows] = [0, 0, 0, 0];
      for (let r = 0, at = t * count, from = t * width; r < count; r++, at++, from += stride) {
        const p = g[from] > 0 ? 1 - g[from] : -g[from];
        const y = change[at];
        inner += g[from] * y;
        mean += p * y;
        square += p * y * y;
        byRows += p * (1 - p) * y * y;
      }
      products += inner;
      squares += square - mean * mean;
      rowProducts += byRows;
    }
    sums.set([products, squares, rowProducts, rowProducts], 4 * s);
  }
}

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
