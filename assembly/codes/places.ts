/** What becomes of a group's values that are not all of a row, or not all under one scale. */

/** values[columns[i]] = loose[i], columns u32 [count] */
export function scatter(loose: usize, columns: usize, values: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<f32>(values + (<usize>load<u32>(columns + (<usize>i << 2)) << 2), load<f32>(loose + (<usize>i << 2)));
  }
}

/** values[i] *= min(scale, scales[i]), NaN where either is */
export function scaleByColumns(values: usize, scale: f32, scales: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const all = f32x4.splat(scale);
    for (; i + 4 <= count; i += 4) {
      const at = values + (<usize>i << 2);
      v128.store(at, f32x4.mul(v128.load(at), f32x4.min(all, v128.load(scales + (<usize>i << 2)))));
    }
  }
  for (; i < count; i++) {
    const at = values + (<usize>i << 2);
    store<f32>(at, load<f32>(at) * min(scale, load<f32>(scales + (<usize>i << 2))));
  }
}
