import { decodeF16 } from '../../core/float16.ts';
import { Random } from '../../core/random.ts';
import type { EncodeBackend } from '../backend.ts';
import { readScale, SCALE_F16, SCALE_F32, writeScale } from '../scales.ts';
import { loadBlock } from '../search/block.ts';
import { BOOK_WORDS, type WordBooks } from '../search/sets/sums.ts';
import { tensorFormat } from '../tensor.ts';
import type { TensorFormat } from '../types.ts';

/**
 *   ├ f32 s ┼ M books of 256 words of g × f16 ┼ M bytes per group of g ┤   group = s·Σ_m C_m[q_m], in float32
 * Books are learned per tensor and stored with it: residual k-means gives a start, then beam search for the codes and
 * means for the words improve them in turn.
 * @see Babenko and Lempitsky, "Additive Quantization for Extreme Vector Compression", CVPR 2014 (beam search);
 * Egiazarian et al., "Extreme Compression of LLMs via Additive Quantization" (AQLM), ICML 2024, section 3
 */
export interface AdditiveSpec {
  readonly books: number;
  /** Values of a word: 4 or 8. */
  readonly group: number;
}

const BEAM = 4;
const KMEANS_ROUNDS = 6;
const ROUNDS = 3;
/** Groups that books are learned from, at most. */
const LEARNED_GROUPS = 4096;
const SEED = 1;

export function additiveFormat({ books, group }: AdditiveSpec): TensorFormat {
  const count = books * BOOK_WORDS * group;
  const header = SCALE_F32.bytes + SCALE_F16.bytes * count;
  const readWords = (bytes: Uint8Array) => {
    const words = new Float32Array(count);
    decodeF16(bytes.subarray(SCALE_F32.bytes, header), words);
    return words;
  };
  return tensorFormat({
    name: `ADDITIVE_${books}x8_G${group}`,
    block: `${group} in tensor`,
    multiple: group,
    storedBytes: (rows, columns) => header + (rows * columns * books) / group,
    passes: (bytes, _columns, length) => {
      const words = readWords(bytes);
      const stages = Array.from({ length: books }, (_, m) => ({
        codesAt: header + m,
        step: books,
        words: words.subarray((m * count) / books, ((m + 1) * count) / books),
      }));
      const scale = { type: SCALE_F32, at: 0 };
      const whole = { group: length, start: 0, stride: bytes.length, codesAt: header, bits: 8 };
      return [{ ...whole, scale, words: { size: group, isFixed: false, stages } }];
    },
    encode(values, _columns, bytes, importance, backend) {
      const { x, w, scale } = normalized(values, importance);
      writeScale(SCALE_F32, SCALE_F32.code(scale), bytes, 0);
      const words = learnWords(backend, books, group, x, w);
      words.forEach((word, i) => {
        words[i] = writeSigned(word, bytes, SCALE_F32.bytes + 2 * i);
      });
      backend.nearestSums({ books: { size: group, words }, beam: BEAM, x, w, codes: bytes.subarray(header) });
    },
    decode(bytes, _columns, values) {
      const scale = readScale(SCALE_F32, bytes, 0);
      const words = readWords(bytes);
      addWords({ size: group, words }, bytes.subarray(header), values.fill(0), 1);
      for (let i = 0; i < values.length; i++) values[i] *= scale;
    },
  });
}

/**
 * Values under the power of two nearest to their deviation: words fit binary16, and fit it again when encoded once more.
 * Importance is divided by its mean.
 */
function normalized(values: Float32Array, importance?: Float32Array) {
  const x = new Float64Array(values.length);
  const w = new Float64Array(values.length);
  loadBlock(values, importance, 0, values.length, x, w);
  const energy = x.reduce((sum, value) => sum + value * value, 0);
  const mean = w.reduce((sum, weight) => sum + weight, 0) / w.length;
  const deviation = Math.sqrt(energy / x.length);
  const scale = deviation > 0 ? 2 ** Math.max(Math.round(Math.log2(deviation)), -126) : 0;
  return {
    x: Float32Array.from(x, (value) => (scale > 0 ? value / scale : 0)),
    w: Float32Array.from(w, (weight) => weight / mean),
    scale,
  };
}

function writeSigned(value: number, bytes: Uint8Array, at: number): number {
  const code = SCALE_F16.code(Math.abs(value)) | (value < 0 ? 0x8000 : 0);
  writeScale(SCALE_F16, code, bytes, at);
  return SCALE_F16.value(code);
}

/** Adds `sign` times the words of every group to its values. @param codes [groups, books] */
function addWords({ size, words }: WordBooks, codes: Uint8Array, values: Float32Array, sign: 1 | -1): void {
  const books = words.length / (BOOK_WORDS * size);
  for (let at = 0, c = 0; at < values.length; at += size)
    for (let m = 0; m < books; m++, c++) {
      const word = (m * BOOK_WORDS + codes[c]) * size;
      for (let i = 0; i < size; i++) values[at + i] += sign * words[word + i];
    }
}

/** Books for some of the groups. @returns [books, 256, group] */
function learnWords(backend: EncodeBackend, books: number, group: number, all: Float32Array, weights: Float32Array) {
  const step = Math.max(1, Math.ceil(all.length / group / LEARNED_GROUPS)) * group;
  const picked = (values: Float32Array) => {
    const some = new Float32Array(Math.ceil(values.length / step) * group);
    for (let from = 0, to = 0; from < values.length; from += step, to += group)
      some.set(values.subarray(from, from + group), to);
    return some;
  };
  const x = picked(all);
  const w = picked(weights);
  const words = residualMeans(backend, books, group, x, w);
  const codes = new Uint8Array((x.length / group) * books);
  for (let round = 0; round < ROUNDS; round++) {
    backend.nearestSums({ books: { size: group, words }, beam: BEAM, x, w, codes });
    updateWords({ size: group, words }, x, w, codes);
  }
  return words;
}

/** k-means of what the books before leave, started at values themselves. */
function residualMeans(backend: EncodeBackend, books: number, group: number, x: Float32Array, w: Float32Array) {
  const words = new Float32Array(books * BOOK_WORDS * group);
  const rest = x.slice();
  const random = new Random(SEED);
  const codes = new Uint8Array(x.length / group);
  for (let m = 0; m < books; m++) {
    const book = words.subarray(m * BOOK_WORDS * group, (m + 1) * BOOK_WORDS * group);
    for (let k = 0; k < BOOK_WORDS; k++) {
      const at = random.integer(codes.length) * group;
      book.set(rest.subarray(at, at + group), k * group);
    }
    for (let round = 0; round < KMEANS_ROUNDS; round++) {
      backend.nearestSums({ books: { size: group, words: book }, beam: 1, x: rest, w, codes });
      takeMeans(book, group, rest, w, codes, 1, 0);
    }
    addWords({ size: group, words: book }, codes, rest, -1);
  }
  return words;
}

/** Every word becomes the weighted mean of what its groups ask for, given the other books. */
function updateWords({ size, words }: WordBooks, x: Float32Array, w: Float32Array, codes: Uint8Array): void {
  const books = words.length / (BOOK_WORDS * size);
  for (let m = 0; m < books; m++) {
    const book = words.subarray(m * BOOK_WORDS * size, (m + 1) * BOOK_WORDS * size);
    const wanted = x.slice();
    addWords({ size, words }, codes, wanted, -1);
    for (let g = 0; g < wanted.length / size; g++)
      for (let i = 0; i < size; i++) wanted[g * size + i] += book[codes[g * books + m] * size + i];
    takeMeans(book, size, wanted, w, codes, books, m);
  }
}

/** Words become means of the values that took them. @param stride codes of a group, of which this book's is the m-th */
function takeMeans(
  book: Float32Array,
  size: number,
  x: Float32Array,
  w: Float32Array,
  codes: Uint8Array,
  stride: number,
  m: number,
): void {
  const sums = new Float64Array(book.length);
  const weights = new Float64Array(book.length);
  for (let g = 0, j = 0; j < x.length; g++)
    for (let i = 0, at = codes[g * stride + m] * size; i < size; i++, j++, at++) {
      sums[at] += w[j] * x[j];
      weights[at] += w[j];
    }
  for (let at = 0; at < book.length; at++) if (weights[at] > 0) book[at] = sums[at] / weights[at];
}

export const additives: readonly TensorFormat[] = [
  additiveFormat({ books: 1, group: 4 }),
  additiveFormat({ books: 2, group: 8 }),
  additiveFormat({ books: 3, group: 8 }),
];
