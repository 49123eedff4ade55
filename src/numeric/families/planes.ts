import { groupBlocks, SearchedCodec } from '../groups.ts';
import type { CodePass } from '../passes.ts';
import { bitPacking, type Packing } from '../scaled.ts';
import { readScale, SCALE_F16, writeScale } from '../scales.ts';
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
const GROUP = 128;
const ROUNDS = 16;
/** Alternation stops when the error falls by less than this factor. */
const LEAST_GAIN = 1 - 1e-6;
/** Ridge on the normal equations, relative to Σ w: planes may coincide. */
const RIDGE = 1e-9;

export function planesFormat(name: string, digits: 2 | 3, planes: number): NumberFormat {
  const packing = digits === 2 ? bitPacking(1) : ternaryFifths;
  return groupBlocks({ name }, new PlanesCodec(digits, planes, packing));
}

class PlanesCodec extends SearchedCodec {
  readonly bytes: number;
  readonly #digits: number;
  readonly #planes: number;
  readonly #packing: Packing;
  /** [digits^planes][planes] digit values of every sum */
  readonly #sums: readonly (readonly number[])[];
  readonly #choice = new Uint8Array(GROUP);
  readonly #codes = new Uint16Array(GROUP);

  constructor(digits: 2 | 3, planes: number, packing: Packing) {
    super(GROUP);
    this.#digits = digits;
    this.#planes = planes;
    this.#packing = packing;
    this.bytes = planes * (SCALE_F16.bytes + packing.bytes(GROUP));
    this.#sums = Array.from({ length: digits ** planes }, (_, sum) =>
      Array.from({ length: planes }, (_, k) => this.#digit(Math.floor(sum / digits ** k) % digits)),
    );
  }

  protected store(values: Float32Array, bytes: Uint8Array, at: number): void {
    const scales = this.#search();
    const levels = this.#levels(scales);
    for (let i = 0; i < GROUP; i++) this.#choice[i] = nearest(levels, values[i]);
    for (let k = 0; k < this.#planes; k++) {
      writeScale(SCALE_F16, SCALE_F16.code(scales[k]), bytes, at + 2 * k);
      for (let i = 0; i < GROUP; i++) this.#codes[i] = Math.floor(this.#choice[i] / this.#digits ** k) % this.#digits;
      this.#packing.pack(this.#codes, this.#plane(bytes, at, k));
    }
  }

  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number): void {
    values.fill(0, from, from + GROUP);
    for (let k = 0; k < this.#planes; k++) {
      const scale = readScale(SCALE_F16, bytes, at + 2 * k);
      this.#packing.unpack(this.#plane(bytes, at, k), this.#codes);
      for (let i = 0; i < GROUP; i++) values[from + i] += scale * this.#digit(this.#codes[i]);
    }
  }

  passes(): readonly CodePass[] {
    const { bits = 8, byteCodes } = this.#packing;
    const levels = Float64Array.from({ length: this.#digits }, (_, code) => this.#digit(code));
    const length = this.#packing.bytes(GROUP);
    return Array.from({ length: this.#planes }, (_, k) => ({
      group: GROUP,
      start: 0,
      stride: this.bytes,
      scale: { type: SCALE_F16, at: 2 * k },
      codesAt: 2 * this.#planes + k * length,
      bits,
      byteCodes,
      levels,
      adds: true,
    }));
  }

  #plane(bytes: Uint8Array, at: number, k: number): Uint8Array {
    const length = this.#packing.bytes(GROUP);
    const start = at + 2 * this.#planes + k * length;
    return bytes.subarray(start, start + length);
  }

  #digit(code: number): number {
    return this.#digits === 2 ? 2 * code - 1 : code - 1;
  }

  /** The value of every sum, added up as `decode` adds. */
  #levels(scales: readonly number[]): Float32Array {
    return Float32Array.from(this.#sums, (sum) => sum.reduce((value, t, k) => Math.fround(value + scales[k] * t), 0));
  }

  /** Scales as stored, not negative, with the least error found. */
  #search(): number[] {
    let best = new Array<number>(this.#planes).fill(0);
    let bestError = this.#assign(best);
    for (const start of this.#starts()) {
      let scales = start.map(stored);
      let last = Infinity;
      for (let round = 0; round < ROUNDS; round++) {
        const error = this.#assign(scales);
        if (error < bestError) {
          bestError = error;
          best = scales;
        }
        if (!(error < last * LEAST_GAIN)) break;
        last = error;
        scales = this.#solve().map((scale) => stored(Math.abs(scale)));
      }
    }
    return best;
  }

  /** Greedy residuals, from the mean or from the extremes of the block. */
  #starts(): number[][] {
    let mean = 0;
    let weight = 0;
    const magnitudes = Float64Array.from(this.x, Math.abs).sort();
    for (let i = 0; i < GROUP; i++) {
      mean += this.w[i] * Math.abs(this.x[i]);
      weight += this.w[i];
    }
    mean /= weight;
    const largest = magnitudes[GROUP - 1];
    const smallest = magnitudes.find((m) => m > 0) ?? 0;
    const geometric = (first: number, ratio: number) =>
      Array.from({ length: this.#planes }, (_, k) => first * ratio ** k);
    const exact =
      this.#planes === 2
        ? [
            [(largest + smallest) / 2, (largest - smallest) / 2],
            [smallest, largest - smallest],
            [largest - smallest, smallest],
          ]
        : [];
    const greedy = [
      geometric(mean, 0.5),
      geometric(1.5 * mean, 1 / 3),
      geometric(0.6 * largest, 0.5),
      geometric(1.2 * mean, 0.75),
      geometric(1.3 * mean, 0.25),
      geometric(2 * mean, 0.5),
    ];
    return [...greedy, ...exact];
  }

  /** Gives every value its nearest sum. @returns the weighted error */
  #assign(scales: readonly number[]): number {
    const levels = this.#levels(scales);
    let error = 0;
    for (let i = 0; i < GROUP; i++) {
      this.#choice[i] = nearest(levels, this.x[i]);
      error += this.w[i] * (this.x[i] - levels[this.#choice[i]]) ** 2;
    }
    return error;
  }

  /** Least squares for the digits that `#assign` chose. */
  #solve(): number[] {
    const n = this.#planes;
    const a = Array.from({ length: n }, () => new Float64Array(n + 1));
    for (let i = 0; i < GROUP; i++) {
      const digits = this.#sums[this.#choice[i]];
      for (let r = 0; r < n; r++) {
        for (let c = 0; c < n; c++) a[r][c] += this.w[i] * digits[r] * digits[c];
        a[r][n] += this.w[i] * digits[r] * this.x[i];
      }
    }
    return solve(a);
  }
}

/** A stored scale: finite in every sum. */
function stored(scale: number): number {
  return SCALE_F16.value(SCALE_F16.code(scale));
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

/** Gaussian elimination of [n, n + 1], with a small ridge. */
function solve(a: Float64Array[]): number[] {
  const n = a.length;
  for (let i = 0; i < n; i++) a[i][i] *= 1 + RIDGE;
  for (let i = 0; i < n; i++) {
    if (a[i][i] === 0) a[i][i] = 1;
    for (let r = i + 1; r < n; r++) {
      const factor = a[r][i] / a[i][i];
      for (let c = i; c <= n; c++) a[r][c] -= factor * a[i][c];
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = a[i][n];
    for (let c = i + 1; c < n; c++) sum -= a[i][c] * x[c];
    x[i] = sum / a[i][i];
  }
  return x;
}
