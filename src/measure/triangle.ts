/** Values in the lower triangle of an n×n matrix, diagonal included. */
export function triangleLength(n: number): number {
  return (n * (n + 1)) / 2;
}

/** Lower triangle of a symmetric matrix, row by row. a[n,n] → [n(n+1)/2] */
export function packTriangle(a: Float32Array, n: number): Float32Array {
  const packed = new Float32Array(triangleLength(n));
  for (let i = 0, at = 0; i < n; at += ++i) packed.set(a.subarray(i * n, i * n + i + 1), at);
  return packed;
}

/** Symmetric matrix of a packed lower triangle. [n(n+1)/2] → [n,n] */
export function unpackTriangle(packed: Float32Array, n: number): Float32Array {
  if (packed.length !== triangleLength(n))
    throw new RangeError(`packed triangle has ${packed.length} values, ${triangleLength(n)} expected for ${n} columns`);
  const a = new Float32Array(n * n);
  for (let i = 0, at = 0; i < n; at += ++i) {
    for (let j = 0; j <= i; j++) a[j * n + i] = a[i * n + j] = packed[at + j];
  }
  return a;
}
