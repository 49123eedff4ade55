import { Random } from '../../core/random.ts';
import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { readScale, SCALE_F16, SCALE_F32, writeScale } from '../scales.ts';
import { loadBlock } from '../search/block.ts';
import { tensorFormat } from '../tensor.ts';
import type { TensorFormat } from '../types.ts';

/**
 *   ├ f32 s ┼ M books of 2^B words of g × f16 ┼ M codes of B bits per group of g ┤   group = s·Σ_m C_m[q_m]
 * Books are learned per tensor and stored with it: residual k-means gives a start, then beam search for the codes and
 * means for the words improve them in turn.
 * @see Babenko and Lempitsky, "Additive Quantization for Extreme Vector Compression", CVPR 2014 (beam search);
 * Egiazarian et al., "Extreme Compression of LLMs via Additive Quantization" (AQLM), ICML 2024, section 3
 */
export interface AdditiveSpec {
  readonly books: number;
  readonly bits: number;
  readonly group: number;
}

const BEAM = 4;
const KMEANS_ROUNDS = 6;
const ROUNDS = 3;
/** Groups that books are learned from, at most. */
const LEARNED_GROUPS = 4096;
const SEED = 1;

export function additiveFormat(spec: AdditiveSpec): TensorFormat {
  const { books, bits, group } = spec;
  const words = books * 2 ** bits * group;
  const header = SCALE_F32.bytes + SCALE_F16.bytes * words;
  return tensorFormat({
    name: `ADDITIVE_${books}x${bits}_G${group}`,
    block: `${group} in tensor`,
    multiple: group,
    storedBytes: (rows, columns) => header + packedBytes((rows * columns * books) / group, bits),
    passes: (bytes, _columns, length) => {
      const all = Float64Array.from({ length: words }, (_, i) => readScale(SCALE_F16, bytes, SCALE_F32.bytes + 2 * i));
      const stages = Array.from({ length: books }, (_, m) => ({
        codesAt: header + m,
        step: books,
        codeBytes: 1,
        words: all.subarray((m * words) / books, ((m + 1) * words) / books),
      }));
      const scale = { type: SCALE_F32, at: 0 };
      const group = { group: length, start: 0, stride: bytes.length, codesAt: header, bits };
      return [{ ...group, scale, words: { size: spec.group, isFixed: false, stages } }];
    },
    encode(values, _columns, bytes, importance) {
      const coder = new AdditiveCoder(spec);
      const { x, w, scale } = normalized(values, importance);
      coder.learn(x, w);
      writeScale(SCALE_F32, SCALE_F32.code(scale), bytes, 0);
      coder.words.forEach((word, i) => {
        coder.words[i] = writeSigned(word, bytes, SCALE_F32.bytes + 2 * i);
      });
      const codes = coder.encode(x, w);
      packBits(codes, 0, codes.length, bits, bytes, header);
    },
    decode(bytes, _columns, values) {
      const coder = new AdditiveCoder(spec);
      const scale = readScale(SCALE_F32, bytes, 0);
      for (let i = 0; i < words; i++) coder.words[i] = readScale(SCALE_F16, bytes, SCALE_F32.bytes + 2 * i);
      const codes = new Uint16Array((values.length * books) / group);
      unpackBits(bytes, header, codes.length, bits, codes);
      for (let g = 0; g < values.length / group; g++)
        for (let i = 0; i < group; i++) values[g * group + i] = scale * coder.sum(codes, g, i);
    },
  });
}

/** Values under the power of two nearest to their deviation: words fit binary16, and fit it again when encoded once more. */
function normalized(values: Float32Array, importance?: Float32Array) {
  const x = new Float64Array(values.length);
  const w = new Float64Array(values.length);
  loadBlock(values, importance, 0, values.length, x, w);
  const energy = x.reduce((sum, value) => sum + value * value, 0);
  const deviation = Math.sqrt(energy / x.length);
  const scale = deviation > 0 ? 2 ** Math.max(Math.round(Math.log2(deviation)), -126) : 0;
  return { x: x.map((value) => (scale > 0 ? value / scale : 0)), w, scale };
}

function writeSigned(value: number, bytes: Uint8Array, at: number): number {
  const code = SCALE_F16.code(Math.abs(value)) | (value < 0 ? 0x8000 : 0);
  writeScale(SCALE_F16, code, bytes, at);
  return SCALE_F16.value(code);
}

class AdditiveCoder {
  readonly #spec: AdditiveSpec;
  readonly #size: number;
  /** [books, 2^bits, group] */
  readonly words: Float64Array;

  constructor(spec: AdditiveSpec) {
    this.#spec = spec;
    this.#size = 2 ** spec.bits;
    this.words = new Float64Array(spec.books * this.#size * spec.group);
  }

  /** Value i of the sum of group g's words. */
  sum(codes: Uint16Array, g: number, i: number): number {
    const { books, group } = this.#spec;
    let value = 0;
    for (let m = 0; m < books; m++) value += this.words[(m * this.#size + codes[g * books + m]) * group + i];
    return value;
  }

  learn(all: Float64Array, weights: Float64Array): void {
    const { group } = this.#spec;
    const step = Math.max(1, Math.ceil(all.length / group / LEARNED_GROUPS));
    const picked = Array.from({ length: Math.ceil(all.length / group / step) }, (_, k) => k * step * group);
    const x = Float64Array.from(picked.flatMap((at) => [...all.subarray(at, at + group)]));
    const w = Float64Array.from(picked.flatMap((at) => [...weights.subarray(at, at + group)]));
    this.#residualMeans(x, w);
    for (let round = 0; round < ROUNDS; round++) this.#updateWords(x, w, this.encode(x, w));
  }

  /** k-means of what the books before leave, started at values themselves. */
  #residualMeans(x: Float64Array, w: Float64Array): void {
    const { books, group } = this.#spec;
    const rest = x.slice();
    const random = new Random(SEED);
    const codes = new Uint16Array(x.length / group);
    for (let m = 0; m < books; m++) {
      const book = this.words.subarray(m * this.#size * group, (m + 1) * this.#size * group);
      for (let k = 0; k < this.#size; k++) {
        const at = random.integer(codes.length) * group;
        book.set(rest.subarray(at, at + group), k * group);
      }
      for (let round = 0; round < KMEANS_ROUNDS; round++) {
        for (let g = 0; g < codes.length; g++) codes[g] = this.#best(book, rest, w, g * group, 1)[0].code;
        this.#means(book, rest, w, codes, 1, 0);
      }
      for (let g = 0; g < codes.length; g++)
        for (let i = 0; i < group; i++) rest[g * group + i] -= book[codes[g] * group + i];
    }
  }

  /** Every word becomes the weighted mean of what its groups ask for, given the other books. */
  #updateWords(x: Float64Array, w: Float64Array, codes: Uint16Array): void {
    const { books, group } = this.#spec;
    for (let m = 0; m < books; m++) {
      const book = this.words.subarray(m * this.#size * group, (m + 1) * this.#size * group);
      const wanted = x.map((value, j) => {
        const g = Math.floor(j / group);
        return value - this.sum(codes, g, j % group) + book[codes[g * books + m] * group + (j % group)];
      });
      this.#means(book, wanted, w, codes, books, m);
    }
  }

  #means(book: Float64Array, x: Float64Array, w: Float64Array, codes: Uint16Array, stride: number, m: number): void {
    const { group } = this.#spec;
    const sums = new Float64Array(book.length);
    const weights = new Float64Array(book.length);
    for (let j = 0; j < x.length; j++) {
      const at = codes[Math.floor(j / group) * stride + m] * group + (j % group);
      sums[at] += w[j] * x[j];
      weights[at] += w[j];
    }
    for (let at = 0; at < book.length; at++) if (weights[at] > 0) book[at] = sums[at] / weights[at];
  }

  /** The `count` words nearest to the values from `at`, nearest first. */
  #best(book: Float64Array, x: Float64Array, w: Float64Array, at: number, count: number) {
    const { group } = this.#spec;
    const found: { code: number; cost: number }[] = [];
    for (let code = 0; code < this.#size; code++) {
      let cost = 0;
      for (let i = 0; i < group; i++) cost += w[at + i] * (x[at + i] - book[code * group + i]) ** 2;
      if (found.length === count && !(cost < found[count - 1].cost)) continue;
      found.push({ code, cost });
      found.sort((a, b) => a.cost - b.cost);
      found.length = Math.min(found.length, count);
    }
    return found;
  }

  /** Beam search: the best few sums of the first books go on to the next one. @returns [groups, books] */
  encode(x: Float64Array, w: Float64Array): Uint16Array {
    const { books, group } = this.#spec;
    const codes = new Uint16Array((x.length / group) * books);
    for (let g = 0; g < x.length / group; g++) {
      const weights = w.subarray(g * group, (g + 1) * group);
      let beam = [{ path: [] as number[], rest: x.slice(g * group, (g + 1) * group), cost: 0 }];
      for (let m = 0; m < books; m++) {
        const book = this.words.subarray(m * this.#size * group, (m + 1) * this.#size * group);
        beam = beam
          .flatMap(({ path, rest }) =>
            this.#best(book, rest, weights, 0, BEAM).map(({ code, cost }) => ({
              path: [...path, code],
              rest: rest.map((value, i) => value - book[code * group + i]),
              cost,
            })),
          )
          .sort((a, b) => a.cost - b.cost)
          .slice(0, BEAM);
      }
      codes.set(beam[0].path, g * books);
    }
    return codes;
  }
}

export const additives: readonly TensorFormat[] = [
  additiveFormat({ books: 1, bits: 8, group: 4 }),
  additiveFormat({ books: 2, bits: 8, group: 8 }),
  additiveFormat({ books: 3, bits: 8, group: 8 }),
];
