import { GROUP } from '../search/points/points.ts';
import type { PointBook, PointCodes } from '../search/points/types.ts';
import { type FoundPointScales, POINT_BLOCK, type PointScale } from '../search/points/types.ts';
import { commonStep, largestMagnitude, someHalf } from './divisor.ts';
import { Ratios } from './ratios.ts';

const x = new Float64Array(POINT_BLOCK);
const equal = new Float64Array(POINT_BLOCK).fill(1);
/** Largest common divisors of the sub-blocks of the block at hand. */
const steps = new Float64Array(16);
const integers = new Int32Array(16);
const chosen = new Uint8Array(16);
const scratch: PointCodes = { entries: new Uint16Array(POINT_BLOCK), signs: new Uint8Array(POINT_BLOCK) };
const point = new Float64Array(GROUP);

/** Replaces what a search found in blocks whose values all are points under one d: they are stored without loss. */
export function recoverPointScales(spec: PointScale, values: Float32Array, found: FoundPointScales): void {
  const subBlocks = POINT_BLOCK / spec.subBlock;
  const most = (2 * spec.highest + 1) * Math.max(...spec.books.map(({ largest }) => largest));
  const ratios = Ratios.of(spec, () => magnitudesOf(spec));
  for (let i = 0, from = 0; from < values.length; i++, from += POINT_BLOCK) {
    if (!ratios.mayStart(values, from)) continue;
    const step = commonStep(values, from, POINT_BLOCK, most);
    if (step === 0) continue;
    x.set(values.subarray(from, from + POINT_BLOCK));
    for (let j = 0; j < subBlocks; j++) steps[j] = commonStep(values, from + j * spec.subBlock, spec.subBlock, most);
    const tries = (most * step) / largestMagnitude(values, from, POINT_BLOCK);
    someHalf(step / spec.unit, tries, (d) => {
      for (let j = 0; j < subBlocks; j++) if (!fits(spec, j, d * spec.unit)) return false;
      found.d[i] = d;
      found.a.set(integers.subarray(0, subBlocks), i * subBlocks);
      found.which.set(chosen.subarray(0, subBlocks), i * subBlocks);
      return true;
    });
  }
}

function magnitudesOf({ books }: PointScale): number[] {
  return books.flatMap(({ parts }) => parts.flatMap(({ levels }) => [...levels.map(Math.abs)]));
}

/** Whether sub-block j is exact under unit·(2 a + 1) with some a and book → `integers`, `chosen`. */
function fits({ books, subBlock, highest }: PointScale, j: number, unit: number): boolean {
  const multiple = steps[j] / unit;
  for (let a = highest; a >= 0; a--) {
    if (multiple % (2 * a + 1) !== 0) continue;
    const book = books.findIndex((book) => arePoints(book, j * subBlock, subBlock, unit * (2 * a + 1)));
    if (book < 0) continue;
    integers[j] = a;
    chosen[j] = book;
    return true;
  }
  return false;
}

/** The point near to values that are one is that one. */
function arePoints(book: PointBook, from: number, n: number, scale: number): boolean {
  for (let at = from; at < from + n; at += GROUP) {
    book.nearest(x, equal, at, scale, scratch, point);
    for (let i = 0; i < GROUP; i++) if (point[i] * scale !== x[at + i]) return false;
  }
  return true;
}
