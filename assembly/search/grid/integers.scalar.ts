/** `integers.ts` for machines without SIMD. Same names, same meanings, same bits. */
import { get, ideal, subQQ, subXQ } from '../scratch';
import { highest, lowest, subBlocks } from './spec';

export function chooseIntegers(d: f64, integers: usize): f64 {
  let even: f64 = 0, odd: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    const position = min(max(get(ideal(j)) / d, <f64>lowest), <f64>highest);
    const integer = floor<f64>(position + 0.5);
    const scale = d * integer;
    const loss = scale * (scale * get(subQQ(j)) - 2 * get(subXQ(j)));
    if (j & 1) odd += loss;
    else even += loss;
    store<i32>(integers + (<usize>j << 2), <i32>integer);
  }
  return even + odd;
}
