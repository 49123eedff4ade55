/*
 * Norms over the rows of a batch, in float64. One definition for all devices on arrays: they are for small networks.
 */

/** Sums something of every value of a column. → [columns] */
function columnSums(x: Float32Array, columns: number, term: (value: number, column: number, at: number) => number) {
  const sums = new Float64Array(columns);
  for (let at = 0; at < x.length; ) for (let c = 0; c < columns; c++, at++) sums[c] += term(x[at], c, at);
  return sums;
}

export function batchStatistics(x: Float32Array, mean: Float32Array, variance: Float32Array): void {
  const columns = mean.length;
  const rows = Math.max(1, x.length / columns);
  mean.set(columnSums(x, columns, (value) => value).map((sum) => sum / rows));
  variance.set(columnSums(x, columns, (value, c) => (value - mean[c]) ** 2).map((sum) => sum / rows));
}

/** dx = dMean/rows + dVariance·2·(x − mean)/rows. */
export function batchStatisticsBackward(
  x: Float32Array,
  mean: Float32Array,
  dMean: Float32Array | undefined,
  dVariance: Float32Array | undefined,
  dx: Float32Array,
): void {
  const columns = mean.length;
  const rows = Math.max(1, x.length / columns);
  for (let at = 0; at < x.length; at++) {
    const c = at % columns;
    dx[at] = ((dMean?.[c] ?? 0) + 2 * (dVariance?.[c] ?? 0) * (x[at] - mean[c])) / rows;
  }
}

export function batchNorm(
  [x, mean, variance, gain, bias]: readonly Float32Array[],
  y: Float32Array,
  epsilon: number,
): void {
  const columns = mean.length;
  const scale = Float64Array.from(variance, (value, c) => gain[c] / Math.sqrt(value + epsilon));
  for (let at = 0; at < x.length; at++) y[at] = (x[at] - mean[at % columns]) * scale[at % columns] + bias[at % columns];
}

export function batchNormBackward(
  [x, mean, variance, gain, dy]: readonly Float32Array[],
  [dx, dMean, dVariance, dGain, dBias]: readonly Float32Array[],
  epsilon: number,
): void {
  const columns = mean.length;
  const inverse = Float64Array.from(variance, (value) => 1 / Math.sqrt(value + epsilon));
  const sums = columnSums(dy, columns, (value) => value);
  const products = columnSums(dy, columns, (value, c, at) => value * (x[at] - mean[c]));
  for (let at = 0; at < x.length; at++) dx[at] = dy[at] * gain[at % columns] * inverse[at % columns];
  for (let c = 0; c < columns; c++) {
    dMean[c] = -sums[c] * gain[c] * inverse[c];
    dVariance[c] = (-products[c] * gain[c] * inverse[c] ** 3) / 2;
    dGain[c] = products[c] * inverse[c];
    dBias[c] = sums[c];
  }
}
