import { POINT_SIZE, readPoint, type SignedPatterns } from '../../patterns.ts';
import { nearestPattern } from './patterns.ts';
import { BOOK_WORDS, wordCost } from './sums.ts';

/** 256 words of 8 values: 8 bits. */
export interface WordList {
  readonly kind: 'words';
  /** [256, 8] */
  readonly words: Float32Array;
}

/** A code of 8 values together; a further one is for what those before it leave. */
export type VectorStage = SignedPatterns | WordList;

/** Rows that get a scale and, stage after stage, the points near to them. */
export interface VectorTask {
  readonly stages: readonly VectorStage[];
  /** Values of a row, a multiple of 8. */
  readonly columns: number;
  /** At about unit variance, and what an error costs. [rows, columns] */
  readonly x: Float32Array;
  readonly w: Float32Array;
  /** Scale of each row out, 0 where all zeros are nearest. [rows] */
  readonly scale: Float64Array;
  /** [stages, rows, columns / 8] out, zeros */
  readonly codes: Uint16Array;
}

/** Starts of the scale are 1 divided by these; the best is then fitted to its codes. */
const DIVISORS = Float64Array.of(0.84, 0.9, 0.96, 1, 1.04, 1.1);
/** Codes and scale in turn. */
const ROUNDS = 2;

/** Scales and codes with the least Σ w (x − scale·Σ points)² found. Values and points are float32, sums over a row float64. */
export function searchVectors(task: VectorTask): void {
  const { stages, columns, x, w, scale, codes } = task;
  const search = new RowSearch(stages, columns);
  const groups = columns / POINT_SIZE;
  for (let row = 0; row * columns < x.length; row++) {
    const [from, to] = [row * columns, (row + 1) * columns];
    const best = stages.map((_, s) => {
      const at = (s * scale.length + row) * groups;
      return codes.subarray(at, at + groups);
    });
    scale[row] = search.run(x.subarray(from, to), w.subarray(from, to), best);
  }
}

class RowSearch {
  readonly #stages: readonly VectorStage[];
  /** What the stages so far leave, and their sum. [columns] */
  readonly #rest: Float32Array;
  readonly #sum: Float32Array;
  readonly #point = new Float32Array(POINT_SIZE);
  readonly #codes: readonly Uint16Array[];

  constructor(stages: readonly VectorStage[], columns: number) {
    this.#stages = stages;
    this.#rest = new Float32Array(columns);
    this.#sum = new Float32Array(columns);
    this.#codes = stages.map(() => new Uint16Array(columns / POINT_SIZE));
  }

  /** @param best codes out, zeros @returns the scale */
  run(x: Float32Array, w: Float32Array, best: readonly Uint16Array[]): number {
    const ones = correlate(x, w, x);
    let bestError = ones.qq; // of all zeros
    let scale = 0;
    for (const divisor of ones.qq > 0 ? DIVISORS : []) {
      let step = 1 / divisor;
      for (let round = 0; round < ROUNDS && step > 0; round++) {
        this.#quantize(x, w, step);
        const { xq, qq } = correlate(x, w, this.#sum);
        step = qq > 0 ? Math.max(xq / qq, 0) : 0;
        const error = ones.qq - step * xq;
        if (!(error < bestError)) continue;
        bestError = error;
        scale = step;
        best.forEach((codes, stage) => void codes.set(this.#codes[stage]));
      }
    }
    return scale;
  }

  /** Codes under a scale, stage after stage. */
  #quantize(x: Float32Array, w: Float32Array, scale: number): void {
    const inverse = Math.fround(1 / scale);
    for (let i = 0; i < x.length; i++) this.#rest[i] = x[i] * inverse;
    this.#sum.fill(0);
    for (const [s, stage] of this.#stages.entries()) {
      for (let at = 0; at < x.length; at += POINT_SIZE) {
        const code = nearestWord(stage, this.#rest, at, w);
        this.#codes[s][at / POINT_SIZE] = code;
        readWord(stage, code, this.#point);
        for (let i = 0; i < POINT_SIZE; i++) {
          this.#rest[at + i] -= this.#point[i];
          this.#sum[at + i] += this.#point[i];
        }
      }
    }
  }
}

/** Code of a stage's point with the least Σ w (x − point)², 8 values from `at` on. */
export function nearestWord(stage: VectorStage, x: Float32Array, at: number, w: Float32Array): number {
  if (stage.kind === 'patterns') return nearestPattern(stage, x, at, w);
  let best = 0;
  let least = Infinity;
  for (let code = 0; code < BOOK_WORDS; code++) {
    const cost = wordCost(stage.words, code, x, at, w, at, POINT_SIZE, least);
    if (!(cost < least)) continue;
    least = cost;
    best = code;
  }
  return best;
}

/** The 8 values that a code of a stage stands for. */
export function readWord(stage: VectorStage, code: number, out: Float32Array): void {
  if (stage.kind === 'patterns') readPoint(stage, code, out);
  else for (let i = 0; i < POINT_SIZE; i++) out[i] = stage.words[code * POINT_SIZE + i];
}

/** Σ w x q and Σ w q²; values of even and odd index apart: lanes of a vector. */
function correlate(x: Float32Array, w: Float32Array, q: Float32Array): { xq: number; qq: number } {
  const xq = [0, 0];
  const qq = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const wq = w[i] * q[i];
    xq[i & 1] += wq * x[i];
    qq[i & 1] += wq * q[i];
  }
  return { xq: xq[0] + xq[1], qq: qq[0] + qq[1] };
}
