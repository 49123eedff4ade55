import { decodeBF16, encodeBF16 } from '../../core/float16.ts';
import { plainBackend } from '../backend.ts';
import type { SumCast } from '../casts.ts';
import { expansionOf } from '../expansion.ts';
import type { NumberFormat } from '../types.ts';
import type { Family } from './types.ts';

/**
 *   0          2          4
 *   ├ c_1 bf16 ┼ c_2 bf16 ┼ … ┤   value = fround(Σ c_k)
 * Each value by itself, no scale. `expansion.ts` computes with them.
 */
function bf16Sum(components: 2 | 3): NumberFormat {
  const cast: SumCast = {
    components,
    encode(values, bytes) {
      const parts = new Float32Array(components * values.length);
      values.forEach((value, i) => {
        // a NaN keeps nothing: engines do not promise its sign and payload
        parts.set(Number.isNaN(value) ? [Number.NaN] : expansionOf(value, components), i * components);
      });
      encodeBF16(parts, bytes);
    },
  };
  return {
    name: `BF16X${components}`,
    blockSize: 1,
    blockBytes: 2 * components,
    passes: (bytes, _columns, length) => [
      { group: length, start: 0, stride: bytes.length, codesAt: 0, bits: 16, floats: { type: 'bfloat16', components } },
    ],
    decodeBlocks(blocks, values) {
      const parts = new Float32Array(components * values.length);
      decodeBF16(blocks, parts);
      for (let i = 0; i < values.length; i++) {
        let sum = 0;
        for (let k = components - 1; k >= 0; k--) sum += parts[i * components + k];
        values[i] = sum;
      }
    },
    encodeBlocks: (values, blocks, _importance, backend = plainBackend) => backend.castValues(cast, values, blocks),
  };
}

export const multiComponent: Family = {
  name: 'multi-component float',
  branch: 'floating point',
  title: 'Unevaluated sums of two or three bfloat16, and exact additions of them',
  equation: 'x = c_1 + c_2 (+ c_3), |c_(k+1)| ≤ ½ ulp(c_k); two-sum: a + b = RN(a + b) + error',
  source:
    'Yu et al., “Collage: Light-Weight Low-Precision Strategy for LLM Training”, ICML 2024; Shewchuk, 1997, section 2; Dekker, 1971',
  formats: [bf16Sum(2), bf16Sum(3)],
};
