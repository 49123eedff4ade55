import { Random } from '../core/random.ts';
import type { EncodeBackend } from './backend.ts';
import { type Element, integerElement, minifloatElement } from './elements.ts';
import { LARGEST_E4M3, MX_GROUP, mxElements, NV_GROUP } from './families/block.ts';
import { minifloats } from './families/minifloat.ts';
import { fidelity, type Source } from './fidelity.ts';
import { hadamard } from './hadamard.ts';
import { entry } from './registry.ts';
import { largestFinite, ScaledCodec } from './scaled.ts';
import { SCALE_E4M3, SCALE_E8M0, type ScaleType } from './scales.ts';

/** An integer and a float element under the same block and scale. */
export interface Pair {
  readonly integer: string;
  readonly float: string;
  readonly elements: readonly [Element, Element];
  readonly block: number;
  readonly scale: ScaleType;
}

const e2m1 = minifloatElement(minifloats.get('E2M1')!);
const mxElement = (name: string) => mxElements.find((found) => found.name === name)!.element;
const mxPair = (integer: string, float: string, other: Element): Pair => {
  return { integer, float, elements: [mxElement(integer), other], block: MX_GROUP, scale: SCALE_E8M0 };
};

export const NV_PAIR: Pair = {
  integer: 'NVINT4',
  float: 'NVFP4',
  elements: [integerElement(4, -7, 7), e2m1],
  block: NV_GROUP,
  scale: SCALE_E4M3,
};

/** @see Chen et al., "INT v.s. FP: A Comprehensive Study of Fine-Grained Low-bit Quantization Formats", 2025 */
export const PAIRS: readonly Pair[] = [
  mxPair('MXINT8', 'MXFP8_E4M3', mxElement('MXFP8_E4M3')),
  mxPair('MXINT6', 'MXFP6_E2M3', mxElement('MXFP6_E2M3')),
  mxPair('MXINT4', 'MXFP4', e2m1),
  NV_PAIR,
];

/**
 * dB of the integers less dB of the floats, under scales that put the largest magnitude of a block on the largest level:
 * the rule of the papers, so that elements are compared and not searches. E8M0 rounds up, as those papers do.
 */
export function advantage({ elements, block, scale }: Pair, { values }: Source): number {
  const [integer, float] = elements.map((element) => {
    const codec = new ScaledCodec({ element, scale }, block);
    const bytes = new Uint8Array(codec.bytes);
    const decoded = new Float32Array(block);
    const outer = scale === SCALE_E8M0 ? 1 : Math.fround(largestFinite(values) / (LARGEST_E4M3 * element.largest));
    let error = 0;
    for (let from = 0; from < values.length; from += block) {
      const wanted = largestFinite(values.subarray(from, from + block)) / element.largest / outer;
      const nearest = scale.code(wanted);
      const code = scale === SCALE_E8M0 && scale.value(nearest) < wanted ? nearest + 1 : nearest;
      codec.encodeWith(code, values, from, bytes.fill(0), 0, outer);
      codec.decode(bytes, 0, decoded, 0, outer);
      for (let i = 0; i < block; i++) error += (values[from + i] - decoded[i]) ** 2;
    }
    return error;
  });
  return 10 * Math.log10(float / integer);
}

/** The real or drawn tensors on which formats are compared. */
export interface StudyRow {
  readonly source: string;
  /** Mean over blocks of 32 of max|x| ÷ root mean square. */
  readonly crestFactor: number;
  /** dB by format. */
  readonly sqnr: Readonly<Record<string, number>>;
}

/** @param backend who computes, default plain JavaScript */
export function compare(names: readonly string[], sources: readonly Source[], backend?: EncodeBackend): StudyRow[] {
  return sources.map((source) => ({
    source: source.name,
    crestFactor: crestFactor(source.values, 32),
    sqnr: Object.fromEntries(names.map((name) => [name, fidelity(entry(name).tensor, source, backend).sqnr])),
  }));
}

/** Mean over blocks of max|x| ÷ root mean square; blocks of zeros do not count. */
export function crestFactor(values: Float32Array, block: number): number {
  let sum = 0;
  let count = 0;
  for (let from = 0; from + block <= values.length; from += block) {
    let largest = 0;
    let energy = 0;
    for (let i = from; i < from + block; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
      energy += values[i] ** 2;
    }
    if (energy === 0) continue;
    sum += largest / Math.sqrt(energy / block);
    count++;
  }
  return count > 0 ? sum / count : 0;
}

export interface Crossover {
  readonly integer: string;
  readonly float: string;
  /** Below it the integers have the higher SQNR; null where they have it at every crest factor a block can have. */
  readonly crestFactor: number | null;
  /** [crest factor, dB of integer less float] */
  readonly curve: readonly (readonly [number, number])[];
}

const BLOCKS = 96;
/** Steps of the crest factor, up to √block, where all but one value of a block are 0. */
const STEPS = 14;
const SMALLEST_CREST = 1.3;
const LARGEST_SHARE = 0.95;

/** Where integers stop being better as blocks get more peaked, from blocks that all have one crest factor. */
export function crossover(pair: Pair, seed = 1): Crossover {
  const { integer, float, block } = pair;
  const top = LARGEST_SHARE * Math.sqrt(block);
  const curve = Array.from({ length: STEPS }, (_, k) => {
    const crest = SMALLEST_CREST + ((top - SMALLEST_CREST) * k) / (STEPS - 1);
    return [crest, advantage(pair, peakedSource(crest, block, seed))] as const;
  });
  const first = curve.findIndex(([, db]) => db <= 0);
  if (first < 0) return { integer, float, crestFactor: null, curve };
  if (first === 0) return { integer, float, crestFactor: 0, curve };
  const [[x0, y0], [x1, y1]] = [curve[first - 1], curve[first]];
  return { integer, float, crestFactor: x0 + ((x1 - x0) * y0) / (y0 - y1), curve };
}

/** Blocks of one crest factor: powers of Gaussian values, the exponent chosen block by block, at random scales. */
export function peakedSource(crest: number, block: number, seed: number): Source {
  const random = new Random(seed);
  const values = new Float32Array(BLOCKS * block);
  for (let b = 0; b < BLOCKS; b++) {
    const drawn = Float32Array.from({ length: block }, () => random.normal());
    let low = 0;
    let high = 40;
    for (let k = 0; k < 40; k++) {
      const middle = (low + high) / 2;
      if (crestFactor(raise(drawn, middle, 1), block) < crest) low = middle;
      else high = middle;
    }
    values.set(raise(drawn, low, 2 ** random.uniform()), b * block);
  }
  return { name: `crest factor ${crest.toFixed(2)}`, columns: block, values };
}

/** sign(x)·|x/max|^power, times `scale`. */
function raise(values: Float32Array, power: number, scale: number): Float32Array {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return values.map((value) => scale * Math.sign(value) * (Math.abs(value) / largest) ** power);
}

export interface RotationRow {
  readonly source: string;
  /** dB of NVINT4 less NVFP4, before and after a Hadamard rotation. */
  readonly before: number;
  readonly after: number;
}

const ROTATION = 64;

/** What a rotation does to 4-bit integers and floats: it lowers the crest factor, which integers gain from. */
export function rotation(sources: readonly Source[], seed = 1): RotationRow[] {
  return sources.map((source) => {
    const rotated = { ...source, values: hadamard(source.values, ROTATION, seed) };
    return {
      source: source.name,
      before: advantage(NV_PAIR, source),
      after: advantage(NV_PAIR, rotated),
    };
  });
}

export interface EmbeddingRow {
  readonly source: string;
  /** dB, each with one scale for all vectors. */
  readonly float8: number;
  readonly int8: number;
  /** Share of the ten nearest vectors by cosine that are still among the ten nearest. */
  readonly float8Recall: number;
  readonly int8Recall: number;
}

const NEIGHBOURS = 10;

/** Vectors for retrieval, stored with one scale: few large dimensions set it, and integers then step too coarsely. */
/** @param backend who computes, default plain JavaScript */
export function embeddings(sources: readonly Source[], backend?: EncodeBackend): EmbeddingRow[] {
  return sources.map((source) => {
    const [float8, int8] = ['E4M3FN_TENSOR', 'SINT8_TENSOR'].map((name) => {
      const { tensor } = entry(name);
      const decoded = new Float32Array(source.values.length);
      tensor.decode(tensor.encode(source.values, source.columns, undefined, backend), source.columns, decoded);
      return { sqnr: fidelity(tensor, source, backend).sqnr, recall: recall(source, decoded) };
    });
    return {
      source: source.name,
      float8: float8.sqnr,
      int8: int8.sqnr,
      float8Recall: float8.recall,
      int8Recall: int8.recall,
    };
  });
}

function recall({ values, columns }: Source, decoded: Float32Array): number {
  const rows = values.length / columns;
  let kept = 0;
  for (let row = 0; row < rows; row++) {
    const truth = nearestRows(values, columns, row);
    kept += nearestRows(decoded, columns, row).filter((other) => truth.includes(other)).length;
  }
  return kept / (rows * NEIGHBOURS);
}

function nearestRows(values: Float32Array, columns: number, row: number): number[] {
  const rows = values.length / columns;
  const score = Float64Array.from({ length: rows }, (_, other) => {
    let dot = 0;
    let energy = 0;
    for (let i = 0; i < columns; i++) {
      dot += values[row * columns + i] * values[other * columns + i];
      energy += values[other * columns + i] ** 2;
    }
    return other === row ? -Infinity : dot / Math.sqrt(energy);
  });
  return Array.from(score.keys())
    .sort((a, b) => score[b] - score[a] || a - b)
    .slice(0, NEIGHBOURS);
}

/** Vectors of unit variance, but for a few dimensions that are larger in all of them, as in embedding models. */
export function embeddingSource(rows: number, columns: number, outliers: number, factor: number, seed: number): Source {
  const random = new Random(seed);
  const large = new Set(Array.from({ length: outliers }, () => random.integer(columns)));
  const values = Float32Array.from({ length: rows * columns }, (_, i) =>
    large.has(i % columns) ? factor * (1 + 0.2 * random.normal()) : random.normal(),
  );
  return { name: `drawn, ${outliers} dimensions ×${factor}`, columns, values };
}
