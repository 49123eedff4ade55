/**
 * Sources that the compiler sees and no file holds, by path: tables that the numeric formats define, so that they stand in
 * one place, and the exports of every format in `packed/formats`, so that a new format is one file.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as books from '../src/numeric/formats/iq_books.ts';

const FORMATS = fileURLToPath(new URL('packed/formats/', import.meta.url));

/** Every byte of a point by its meaning in the kernels. */
const POINTS: Readonly<Record<string, Int8Array>> = {
  IQ1: books.IQ1_BOOK.map((level) => 8 * (level + 1)),
  IQ2_XXS: books.IQ2_XXS_BOOK,
  IQ2_XS: books.IQ2_XS_BOOK,
  IQ2_S: books.IQ2_S_BOOK,
  IQ3_XXS: books.IQ3_XXS_BOOK,
  IQ3_S: books.IQ3_S_BOOK,
  /** [128, 8] −1 where the sign that seven bits mean is a minus */
  EVEN_MASKS: Int8Array.from({ length: 128 * 8 }, (_, i) => ((books.EVEN_SIGNS[i >> 3] >> (i & 7)) & 1 ? -1 : 0)),
};

function bookSource(): string {
  const tables = Object.entries(POINTS).map(
    ([name, bytes]) => `@lazy export const ${name}: usize = memory.data<i8>([${bytes.join(',')}], 16);`,
  );
  return tables.join('\n');
}

function kernelSource(): string {
  const formats = readdirSync(FORMATS).map((file) => {
    const name = /export class (\w+)/.exec(readFileSync(`${FORMATS}${file}`, 'utf8'))?.[1];
    if (name === undefined) throw new Error(`assembly/packed/formats/${file} exports no class`);
    return { name, path: `./formats/${file.slice(0, -3)}` };
  });
  return [
    `import { decode } from './decode';`,
    `import { multiply, round } from './products';`,
    `import { multiplyRuns, roundRuns } from './grouped';`,
    ...formats.map(({ name, path }) => `import { ${name} } from '${path}';`),
    ...formats.map(({ name }) => exportsOf(name)),
  ].join('\n');
}

function exportsOf(name: string): string {
  return `
export function round${name}(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<${name}>(x, to, m, k, ith, nth);
}
export function packed${name}(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply<${name}>(x, w, y, m, rows, k, ith, nth);
}
export function roundRuns${name}(
  x: usize, to: usize, offsets: usize, experts: i32, k: i32, together: i32, rowBytes: i32, ith: i32, nth: i32,
): void {
  roundRuns(round${name}, x, to, offsets, experts, k, together, rowBytes, ith, nth);
}
export function packedRuns${name}(
  x: usize, w: usize, y: usize, offsets: usize, experts: i32, n: i32, k: i32, matrix: usize, together: i32, rowBytes: i32,
  ith: i32, nth: i32,
): void {
  multiplyRuns(packed${name}, x, w, y, offsets, experts, n, k, matrix, together, rowBytes, ith, nth);
}
export function decode${name}(blocks: usize, values: usize, count: i32, ith: i32, nth: i32): void {
  decode<${name}>(blocks, values, count, ith, nth);
}`;
}

/** @see packed/books.d.ts and packed/kernels.d.ts, which tell editors what is in them */
export const generated: ReadonlyMap<string, string> = new Map([
  ['assembly/packed/books.ts', bookSource()],
  ['assembly/packed/kernels.ts', kernelSource()],
]);
