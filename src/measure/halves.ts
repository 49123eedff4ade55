/** Levels of a correlation on each side of 0. */
const FINE = 32767;
/** Levels of a difference on each side of 0, of the row's largest. */
const COARSE = 127;

/** Bytes of two n×n matrices: 24 bits for every pair of values below the diagonal, 96 for each on it. */
export function packedHalvesLength(n: number): number {
  return 12 * n + (3 * n * (n - 1)) / 2;
}

/**
 * Two symmetric matrices that estimate the same thing, M + D and M − D, positive semi-definite, a fifth of the room that
 * two float32 matrices take whole. Both diagonals stay float32; M is kept as 16-bit correlations M_ij / √(M_ii·M_jj), fine
 * enough for factorizations; D, on the same scale small, in 8 bits of its row's largest value below the diagonal.
 *
 *     f32 diagonal of M [n] | f32 diagonal of D [n] | f32 largest of each row [n]
 *     i16 correlations, lower triangle by rows | i8 differences, the same
 */
export function packHalves(one: Float32Array, other: Float32Array, n: number): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(packedHalvesLength(n));
  const { mean, difference, largest, correlations, differences } = views(packed, n);
  const scale = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const at = i * n + i;
    mean[i] = (one[at] + other[at]) / 2;
    difference[i] = (one[at] - other[at]) / 2;
    scale[i] = mean[i] > 0 ? 1 / Math.sqrt(mean[i]) : 0;
  }
  const row = new Float64Array(n);
  for (let i = 0, at = 0; i < n; i++) {
    let most = 0;
    for (let j = 0; j < i; j++) {
      row[j] = ((one[i * n + j] - other[i * n + j]) / 2) * scale[i] * scale[j];
      most = Math.max(most, Math.abs(row[j]));
    }
    largest[i] = most;
    for (let j = 0; j < i; j++, at++) {
      const correlation = ((one[i * n + j] + other[i * n + j]) / 2) * scale[i] * scale[j];
      correlations[at] = Math.round(Math.max(-1, Math.min(1, correlation)) * FINE);
      differences[at] = most > 0 ? Math.round((row[j] / most) * COARSE) : 0;
    }
  }
  return packed;
}

/** Both matrices, [n, n] each. @throws RangeError for bytes of another length */
export function unpackHalves(packed: Uint8Array, n: number): [Float32Array, Float32Array] {
  if (packed.length !== packedHalvesLength(n))
    throw new RangeError(
      `packed halves have ${packed.length} bytes, ${packedHalvesLength(n)} expected for ${n} columns`,
    );
  const { mean, difference, largest, correlations, differences } = views(packed, n);
  const one = new Float32Array(n * n);
  const other = new Float32Array(n * n);
  const scale = Float64Array.from(mean, (value) => (value > 0 ? Math.sqrt(value) : 0));
  for (let i = 0, at = 0; i < n; i++) {
    one[i * n + i] = mean[i] + difference[i];
    other[i * n + i] = mean[i] - difference[i];
    for (let j = 0; j < i; j++, at++) {
      const m = (correlations[at] / FINE) * scale[i] * scale[j];
      const d = (differences[at] / COARSE) * largest[i] * scale[i] * scale[j];
      one[i * n + j] = one[j * n + i] = m + d;
      other[i * n + j] = other[j * n + i] = m - d;
    }
  }
  return [one, other];
}

function views(packed: Uint8Array, n: number) {
  const pairs = (n * (n - 1)) / 2;
  const aligned = packed.byteOffset % 4 === 0 ? packed : packed.slice();
  const at = (floats: number) => aligned.byteOffset + 4 * floats;
  return {
    mean: new Float32Array(aligned.buffer, at(0), n),
    difference: new Float32Array(aligned.buffer, at(n), n),
    largest: new Float32Array(aligned.buffer, at(2 * n), n),
    correlations: new Int16Array(aligned.buffer, at(3 * n), pairs),
    differences: new Int8Array(aligned.buffer, at(3 * n) + 2 * pairs, pairs),
  };
}
