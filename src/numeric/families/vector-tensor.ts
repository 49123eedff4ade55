import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { groupTensor, SearchedCodec } from '../groups.ts';
import type { CodePass } from '../passes.ts';
import { readScale, SCALE_F32, writeScale } from '../scales.ts';
import type { TensorFormat } from '../types.ts';

/** A finite set of points in `size` dimensions. */
export interface VectorCode {
  readonly size: number;
  /** Bits of a code; at most 16. */
  readonly bits: number;
  /** Code of the point with the least Σ w (x − point)², values from `at`. */
  nearest(x: Float64Array, at: number, w: Float64Array): number;
  /** Writes the point of a code at `at`. */
  point(code: number, out: Float64Array, at: number): void;
}

/** A code for what the stages before leave, multiplied by `gain`. */
export interface Stage {
  readonly code: VectorCode;
  readonly gain: number;
}

/** Starts of the scale: the row's deviation divided by these; the best is then fitted to its codes. */
const DIVISORS = [0.84, 0.9, 0.96, 1, 1.04, 1.1];
/** Codes and scale in turn. */
const ROUNDS = 2;

/**
 *   per row: ├ f32 scale ┼ codes of stage 1 ┼ codes of stage 2 … ┤   value = scale·Σ point/gain
 */
export function vectorTensor(name: string, stages: readonly Stage[]): TensorFormat {
  return groupTensor({ name, multiple: stages[0].code.size }, 'channel', (columns) => new RowCodec(stages, columns));
}

const known = new WeakMap<Stage, Float64Array>();

/** Every point divided by the stage's gain; megabytes, made when needed. [2^bits, size] */
function wordsOf(stage: Stage): Float64Array {
  const { code, gain } = stage;
  const found = known.get(stage);
  if (found) return found;
  const points = new Float64Array(2 ** code.bits * code.size);
  for (let q = 0; q < 2 ** code.bits; q++) code.point(q, points, q * code.size);
  const words = points.map((value) => value / gain);
  known.set(stage, words);
  return words;
}

class RowCodec extends SearchedCodec {
  readonly bytes: number;
  readonly #stages: readonly Stage[];
  readonly #rest: Float64Array;
  readonly #sum: Float64Array;
  readonly #point: Float64Array;
  #codes: Uint16Array[];
  #error = 0;
  #fitted = 0;

  constructor(stages: readonly Stage[], columns: number) {
    super(columns);
    this.#stages = stages;
    this.bytes = stages.reduce((sum, { code }) => sum + packedBytes(columns / code.size, code.bits), SCALE_F32.bytes);
    this.#rest = new Float64Array(columns);
    this.#sum = new Float64Array(columns);
    this.#point = new Float64Array(stages[0].code.size);
    this.#codes = this.#room();
  }

  protected store(_values: Float32Array, bytes: Uint8Array, at: number): void {
    let energy = 0;
    let weight = 0;
    for (let i = 0; i < this.group; i++) {
      energy += this.w[i] * this.x[i] ** 2;
      weight += this.w[i];
    }
    let bestError = energy; // of all zeros
    let scale = 0;
    let codes = this.#room();
    for (const divisor of energy > 0 ? DIVISORS : []) {
      let step = Math.sqrt(energy / weight) / divisor;
      for (let round = 0; round < ROUNDS && step > 0; round++) {
        this.#quantize(step);
        step = this.#fitted;
        if (!(this.#error < bestError)) continue;
        bestError = this.#error;
        scale = this.#fitted;
        codes = this.#codes;
        this.#codes = this.#room();
      }
    }
    writeScale(SCALE_F32, SCALE_F32.code(scale), bytes, at);
    this.#stages.reduce((start, { code }, stage) => {
      packBits(codes[stage], 0, codes[stage].length, code.bits, bytes, start);
      return start + packedBytes(codes[stage].length, code.bits);
    }, at + SCALE_F32.bytes);
  }

  decode(bytes: Uint8Array, at: number, values: Float32Array, from: number): void {
    const scale = readScale(SCALE_F32, bytes, at);
    this.#sum.fill(0);
    let start = at + SCALE_F32.bytes;
    for (const [stage, { code, gain }] of this.#stages.entries()) {
      unpackBits(bytes, start, this.#codes[stage].length, code.bits, this.#codes[stage]);
      for (const [g, q] of this.#codes[stage].entries()) this.#add(code, gain, q, g * code.size);
      start += packedBytes(this.#codes[stage].length, code.bits);
    }
    for (let i = 0; i < this.group; i++) values[from + i] = scale * this.#sum[i];
  }

  passes(): readonly CodePass[] {
    const { size } = this.#stages[0].code;
    let codesAt = SCALE_F32.bytes;
    const stages = this.#stages.map((stage) => {
      const codeBytes = stage.code.bits / 8;
      const part = { codesAt, step: codeBytes, codeBytes, words: wordsOf(stage) };
      codesAt += packedBytes(this.group / size, stage.code.bits);
      return part;
    });
    const scale = { type: SCALE_F32, at: 0 };
    const { group, bytes: stride } = this;
    return [
      { group, start: 0, stride, scale, codesAt: SCALE_F32.bytes, bits: 8, words: { size, isFixed: true, stages } },
    ];
  }

  #room(): Uint16Array[] {
    return this.#stages.map(({ code }) => new Uint16Array(this.group / code.size));
  }

  #add(code: VectorCode, gain: number, q: number, at: number): void {
    code.point(q, this.#point, 0);
    for (let i = 0; i < code.size; i++) this.#sum[at + i] += this.#point[i] / gain;
  }

  /** Codes under a scale, stage after stage; then the scale that fits them, and the error with it. */
  #quantize(scale: number): void {
    this.#sum.fill(0);
    for (const [stage, { code, gain }] of this.#stages.entries()) {
      for (let i = 0; i < this.group; i++) this.#rest[i] = gain * (this.x[i] / scale - this.#sum[i]);
      for (let at = 0; at < this.group; at += code.size) {
        const q = code.nearest(this.#rest, at, this.w);
        this.#codes[stage][at / code.size] = q;
        this.#add(code, gain, q, at);
      }
    }
    let xx = 0;
    let xq = 0;
    let qq = 0;
    for (let i = 0; i < this.group; i++) {
      xx += this.w[i] * this.x[i] ** 2;
      xq += this.w[i] * this.x[i] * this.#sum[i];
      qq += this.w[i] * this.#sum[i] ** 2;
    }
    this.#fitted = Math.max(xq / qq, 0);
    this.#error = xx - this.#fitted * xq;
  }
}
