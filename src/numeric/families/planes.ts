import type { EncodeBackend } from '../backend.ts';
import { type GroupCodec, groupBlocks } from '../groups.ts';
import type { CodePass } from '../passes.ts';
import { bitPacking, type Packing } from '../scaled.ts';
import { readScale, SCALE_F16, writeScale } from '../scales.ts';
import { digitOf, PLANE_GROUP, type PlaneSums, sumLevels } from '../search/sets/planes.ts';
import type { NumberFormat } from '../types.ts';
import { ternaryFifths } from './ternary-packing.ts';

/**
 *   0                2 K
 *   ├ K × f16 scales ┼ K planes of digits ┤   value = Σ_k a_k·t_k, t_k in ±1 or in −1, 0, 1
 * Residual binary bases and trit-planes. Digits are chosen among all 2^K or 3^K sums, scales by least squares, in turn;
 * plane k starts as the residual of those before it.
 * @see Xu et al., "Alternating Multi-bit Quantization", ICLR 2018, section 3 (bases); Xiao et al., "PTQTP: Post-Training
 * Quantization to Trit-Planes", 2025, equation 4 (planes, regularized least squares)
 */
export function planesFormat(name: string, digits: 2 | 3, planes: number): NumberFormat {
  const packing = digits === 2 ? bitPacking(1) : ternaryFifths;
  return groupBlocks({ name }, new PlanesCodec({ digits, planes }, packing));
}

class PlanesCodec implements GroupCodec {
  readonly group = PLANE_GROUP;
  readonly bytes: number;
  readonly #sums: PlaneSums;
  readonly #packing: Packing;
  readonly #levels: Float32Array;
  /** Code that each plane has in each sum. [planes, sums] */
  readonly #codesOf: Uint8Array;
  readonly #nearest = new Uint8Array(PLANE_GROUP);
  readonly #codes = new Uint16Array(PLANE_GROUP);

  constructor(sums: PlaneSums, packing: Packing) {
    this.#sums = sums;
    this.#packing = packing;
    this.bytes = sums.planes * (SCALE_F16.bytes + packing.bytes(PLANE_GROUP));
    const { digits, planes } = sums;
    const count = digits ** planes;
    this.#levels = new Float32Array(count);
    this.#codesOf = Uint8Array.from({ length: planes * count }, (_, at) => {
      const sum = at % count;
      return Math.floor(sum / digits ** Math.floor(at / count)) % digits;
    });
  }

  encode(values: Float32Array, importance: Float32Array | undefined, bytes: Uint8Array, backend: EncodeBackend): void {
    const { planes } = this.#sums;
    const scales = new Float64Array((values.length / PLANE_GROUP) * planes);
    backend.searchPlanes({ sums: this.#sums, values, importance, scales });
    for (let g = 0; g * PLANE_GROUP < values.length; g++)
      this.#store(
        values.subarray(g * PLANE_GROUP, (g + 1) * PLANE_GROUP),
        scales.subarray(g * planes, (g + 1) * planes),
        bytes.subarray(g * this.bytes, (g + 1) * this.bytes),
      );
  }

  #store(values: Float32Array, scales: Float64Array, bytes: Uint8Array): void {
    sumLevels(this.#sums, scales, this.#levels);
    for (let i = 0; i < PLANE_GROUP; i++) this.#nearest[i] = nearest(this.#levels, values[i]);
    for (let k = 0; k < this.#sums.planes; k++) {
      writeScale(SCALE_F16, SCALE_F16.code(scales[k]), bytes, 2 * k);
      const first = k * this.#levels.length;
      for (let i = 0; i < PLANE_GROUP; i++) this.#codes[i] = this.#codesOf[first + this.#nearest[i]];
      this.#packing.pack(this.#codes, this.#plane(bytes, 0, k));
    }
  }

  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number): void {
    values.fill(0, from, from + PLANE_GROUP);
    for (let k = 0; k < this.#sums.planes; k++) {
      const scale = readScale(SCALE_F16, bytes, at + 2 * k);
      this.#packing.unpack(this.#plane(bytes, at, k), this.#codes);
      for (let i = 0; i < PLANE_GROUP; i++) values[from + i] += scale * digitOf(this.#sums.digits, this.#codes[i]);
    }
  }

  passes(): readonly CodePass[] {
    const { bits = 8, byteCodes } = this.#packing;
    const { digits, planes } = this.#sums;
    return [
      {
        group: PLANE_GROUP,
        start: 0,
        stride: this.bytes,
        scale: { type: SCALE_F16, at: 0 },
        codesAt: SCALE_F16.bytes * planes,
        bits,
        byteCodes,
        levels: Float64Array.from({ length: digits }, (_, code) => digitOf(digits, code)),
        planes: { count: planes, bytes: this.#packing.bytes(PLANE_GROUP) },
      },
    ];
  }

  #plane(bytes: Uint8Array, at: number, k: number): Uint8Array {
    const length = this.#packing.bytes(PLANE_GROUP);
    const start = at + SCALE_F16.bytes * this.#sums.planes + k * length;
    return bytes.subarray(start, start + length);
  }
}

function nearest(levels: Float32Array, value: number): number {
  if (Math.abs(value) === Infinity) return levels.indexOf(value > 0 ? Math.max(...levels) : Math.min(...levels));
  let best = 0;
  let least = Infinity;
  const wanted = Number.isNaN(value) ? 0 : value;
  for (let k = 0; k < levels.length; k++) {
    const distance = Math.abs(levels[k] - wanted);
    if (distance < least) {
      least = distance;
      best = k;
    }
  }
  return best;
}
