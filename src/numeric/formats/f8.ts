import { F8_E4M3 as e4m3, F8_E5M2 as e5m2, type Minifloat } from '../../core/minifloat.ts';
import { plainBackend } from '../backend.ts';
import { minifloatCast } from '../casts.ts';
import { barePass } from '../passes.ts';
import type { NumberFormat } from '../types.ts';

/** OFP8 E4M3 without Inf, as safetensors stores it. */
export const F8_E4M3: NumberFormat = float8('F8_E4M3', e4m3);
/** OFP8 E5M2. */
export const F8_E5M2: NumberFormat = float8('F8_E5M2', e5m2);

function float8(name: string, float: Minifloat): NumberFormat {
  const cast = minifloatCast(float, (values, bytes) => float.encode(values, bytes));
  return {
    name,
    blockSize: 1,
    blockBytes: 1,
    safetensors: name,
    largest: float.max,
    passes: barePass(8, float.values),
    decodeBlocks: (blocks, values) => float.decode(blocks, values),
    encodeBlocks: (values, blocks, _importance, backend = plainBackend) => backend.castValues(cast, values, blocks),
  };
}
