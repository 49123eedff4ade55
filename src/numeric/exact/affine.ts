import { roundScale } from '../../core/float16.ts';
import { integerLevels, nearestTable } from '../levels.ts';
import { nearestCodes } from '../search/grid/codes.ts';
import type { AffineSearch, BlockAffine, FoundScales, SuperAffine } from '../search/grid/types.ts';
import { halvesBetween } from './divisor.ts';
import { BLURRED, findLattice, type Lattice } from './lattice.ts';
import { Ratios } from './ratios.ts';

/** Differences that are at least this much of a value are known up to SLACK, relatively. */
const FAR = 2 ** -9;
const SLACK = 2 ** -13;
/** Half of the relative distance between two binary16 numbers, at least. */
const SHARP = 2 ** -12;
/** Relative error of a value that was rounded to float32. */
const ROUNDING = 2 ** -24;

/** A scale d·a that a sub-block may have, and what its minimum is then, as far as its lowest value tells. */
interface Option {
  readonly a: number;
  readonly minimum: number;
  readonly tolerance: number;
}

/**
 * A block whose values are sign·fround(d·a·code − dmin·b), d not negative, a and b integers of sub-blocks up to `highest`.
 * Steps between values give d and a, the lowest values what dmin·b may be; the decoder's own result decides.
 */
class AffineBlock {
  readonly #subBlock: number;
  readonly #highest: number;
  readonly #maximum: number;
  readonly #nearest: Uint8Array;
  /** Of differences that are FAR apart. */
  readonly #ratios: Ratios;
  readonly #lattices: Lattice[];
  /** Sub-blocks, those first whose lowest value is known best. */
  readonly #order: number[];
  /** Under the d at hand. [sub-blocks] */
  readonly #options: Option[][];
  readonly #scale = new Float32Array(1);
  readonly #offset = new Float32Array(1);
  readonly #codes: Uint8Array;
  #values: Float32Array = new Float32Array(0);
  #from = 0;
  #sign = 1;
  d = 0;
  dmin = 0;
  /** [sub-blocks] */
  readonly a: Int32Array;
  readonly b: Int32Array;

  constructor(spec: BlockAffine | SuperAffine) {
    const { subBlocks, subBlock, search } = spec;
    this.#subBlock = subBlock;
    this.#highest = spec.kind === 'affine' ? 1 : spec.highest;
    this.#maximum = search.maximum;
    this.#nearest = nearestTable(integerLevels(0, search.maximum));
    this.#ratios = Ratios.of(search, () => integerLevels(1, search.maximum), SLACK);
    this.#lattices = Array.from({ length: subBlocks }, () => ({ low: 0, high: 0, span: 0, tolerance: 0 }));
    this.#order = this.#lattices.map((_, j) => j);
    this.#options = this.#lattices.map(() => []);
    this.#codes = new Uint8Array(subBlock);
    this.a = new Int32Array(subBlocks);
    this.b = new Int32Array(subBlocks);
  }

  /** @returns whether the block at `from` is exact → d, dmin, a, b */
  solve(values: Float32Array, from: number): boolean {
    if (!this.#mayStart(values, from)) return false;
    for (const [j, lattice] of this.#lattices.entries())
      if (!findLattice(values, from + j * this.#subBlock, this.#subBlock, this.#maximum, lattice)) return false;
    this.#values = values;
    this.#from = from;
    this.#sign = 1;
    if (this.#solveScale()) return true;
    for (const lattice of this.#lattices) [lattice.low, lattice.high] = [-lattice.high, -lattice.low];
    this.#sign = -1;
    return this.#solveScale();
  }

  /** Whether the first four values may be on a lattice. */
  #mayStart(values: Float32Array, from: number): boolean {
    const first = values[from];
    const far = FAR * Math.abs(first);
    const x = Math.abs(values[from + 1] - first);
    const y = Math.abs(values[from + 2] - first);
    const z = Math.abs(values[from + 3] - first);
    if (!(x > far && y > far && z > far)) return true;
    return this.#ratios.mayBe(x, y) && this.#ratios.mayBe(y, z);
  }

  /** Tries every d that suits the sub-block with the widest steps. */
  #solveScale(): boolean {
    const lattices = this.#lattices;
    this.#order.sort((j, k) => Math.abs(lattices[j].low) - Math.abs(lattices[k].low) || j - k);
    const widest = lattices.reduce((best, lattice) => (stepOf(lattice) > stepOf(best) ? lattice : best));
    const step = stepOf(widest);
    if (step === 0) return this.#solveMinimum(0);
    for (let t = 1; t * widest.span <= this.#maximum; t++) {
      for (let a = this.#highest; a > 0; a--) {
        const d = roundScale(step / (t * a));
        if (spans(widest, d * a * t) && this.#solveMinimum(d)) return true;
      }
    }
    return false;
  }

  /** Tries every dmin that suits some sub-block under d. */
  #solveMinimum(d: number): boolean {
    for (const j of this.#order) {
      this.#options[j] = this.#optionsOf(this.#lattices[j], d);
      if (this.#options[j].length === 0) return false;
    }
    for (const j of this.#order) {
      if (this.#lattices[j].span === BLURRED) continue;
      for (const option of this.#options[j]) if (this.#solveBy(option, d)) return true;
      if (this.#options[j].every(isSharp)) return false;
    }
    return this.#fits(d, 0);
  }

  #solveBy(option: Option, d: number): boolean {
    const { minimum, tolerance } = option;
    if (minimum === 0) return false;
    for (let b = this.#highest; b > 0; b--) {
      const nearest = roundScale(minimum / b);
      if (Math.abs(nearest * b - minimum) <= tolerance && this.#fits(d, nearest)) return true;
      if (isSharp(option)) continue;
      for (const dmin of halvesBetween((minimum - tolerance) / b, (minimum + tolerance) / b))
        if (dmin !== 0 && this.#fits(d, dmin)) return true;
    }
    return false;
  }

  /** Values may take every t-th code, and the lowest of them any code that leaves room for the others. */
  #optionsOf(lattice: Lattice, d: number): Option[] {
    const { low, high, span } = lattice;
    const tolerance = ROUNDING * Math.abs(low);
    const options: Option[] = [];
    const add = (a: number, codes: number) => {
      for (let code = 0; code + codes <= this.#maximum; code++)
        options.push({ a, minimum: d * a * code - low, tolerance });
    };
    if (span <= 0) options.push({ a: 0, minimum: -low, tolerance });
    if (span === BLURRED && d > 0)
      for (let a = 1; a <= this.#highest; a++) add(a, Math.floor((high - low) / (d * a)) - 1);
    for (let t = 1; span > 0 && t * span <= this.#maximum; t++) {
      const a = Math.round((high - low) / (d * span * t));
      if (a > 0 && a <= this.#highest && spans(lattice, d * a * t)) add(a, t * span);
    }
    return options;
  }

  #fits(d: number, dmin: number): boolean {
    if (!this.#order.every((j) => this.#fitsSubBlock(j, d, dmin))) return false;
    this.d = this.#sign * d;
    this.dmin = this.#sign * dmin;
    return true;
  }

  #fitsSubBlock(j: number, d: number, dmin: number): boolean {
    return this.#options[j].some(({ a, minimum, tolerance }) => {
      const [first, last] =
        dmin === 0 ? [0, 0] : this.#between((minimum - tolerance) / dmin, (minimum + tolerance) / dmin);
      for (let b = first; b <= last; b++) {
        if (Math.abs(dmin * b - minimum) > tolerance) continue;
        if (!this.#isExact(j, this.#sign * d * a, -this.#sign * dmin * b)) continue;
        this.a[j] = a;
        this.b[j] = b;
        return true;
      }
      return false;
    });
  }

  /** First and last integer of a sub-block between two numbers, and one more on each side. */
  #between(x: number, y: number): [number, number] {
    return [Math.max(Math.floor(Math.min(x, y)), 0), Math.min(Math.ceil(Math.max(x, y)), this.#highest)];
  }

  /** Whether sub-block j decodes to its values from the codes that it will get. */
  #isExact(j: number, scale: number, offset: number): boolean {
    const at = this.#from + j * this.#subBlock;
    const values = this.#values.subarray(at, at + this.#subBlock);
    this.#scale[0] = scale;
    this.#offset[0] = offset;
    nearestCodes(this.#nearest, this.#subBlock, values, this.#scale, this.#offset, this.#codes);
    return values.every((value, i) => value === Math.fround(scale * this.#codes[i] + offset));
  }
}

/** Whether one binary16 alone may be the minimum divided by an integer. */
function isSharp({ minimum, tolerance }: Option): boolean {
  return tolerance < SHARP * Math.abs(minimum);
}

/** 0 where there is none, or none that is known. */
function stepOf({ low, high, span }: Lattice): number {
  return span > 0 ? (high - low) / span : 0;
}

/** Whether a step leads from the lowest value to the highest. */
function spans({ low, high, span, tolerance }: Lattice, step: number): boolean {
  return Math.abs(step * span - (high - low)) <= tolerance;
}

const blocks = new WeakMap<AffineSearch, AffineBlock>();

/**
 * Replaces what a search found in blocks whose values all are d·a·code − dmin·b, such as those that were decoded from the same
 * format: they are stored without loss.
 */
export function recoverAffine(spec: BlockAffine | SuperAffine, values: Float32Array, found: FoundScales): void {
  const block = blocks.get(spec.search) ?? new AffineBlock(spec);
  blocks.set(spec.search, block);
  const { subBlocks } = spec;
  const size = subBlocks * spec.subBlock;
  for (let i = 0; i * size < values.length; i++) {
    if (!block.solve(values, i * size)) continue;
    if (spec.kind === 'affine') {
      found.d[i] = block.d * block.a[0];
      found.minimum[i] = -block.dmin * block.b[0];
    } else {
      found.d[i] = block.d;
      found.minimum[i] = block.dmin;
      found.a.set(block.a, i * subBlocks);
      found.b.set(block.b, i * subBlocks);
    }
  }
}
