import { BitbudgetError } from '../core/errors.ts';
import { binary, ternaries } from './families/binary.ts';
import { blockFloatingPoint, blockMinifloat, mx, nv } from './families/block.ts';
import { entropyCodes } from './families/entropy-coded.ts';
import { integers, nestedIntegers } from './families/integer.ts';
import { minifloatCasts, scaledMinifloats } from './families/minifloat.ts';
import { multiComponent } from './families/multi-component.ts';
import { nonUniform } from './families/nonuniform.ts';
import { protectedPackings } from './families/protected.ts';
import type { Family } from './families/types.ts';
import { vectors } from './families/vector.ts';
import { bitsPerWeight, formats, isBlocked } from './table.ts';
import { blockedTensor } from './tensor.ts';
import type { NumberFormat, TensorFormat } from './types.ts';

/** Families of the types that model files name, out of `table.ts`. */
const stored: readonly Family[] = [
  {
    name: 'float',
    branch: 'floating point',
    title: 'Floats of 8 to 32 bits, each by itself',
    equation: '(−1)^s·2^(e − b)·(1 + m/2^M)',
    source: 'IEEE 754; OCP OFP8 1.0',
    formats: tableFormats((f) => f.blockSize === 1),
  },
  {
    name: 'GGUF integer',
    branch: 'fixed point',
    title: 'Integers under scales, and scales of scales, as GGUF blocks',
    equation: 'x ≈ d·q + m; K: d = D·i, m = −M·j per sub-block',
    source: 'llama.cpp, ggml-common.h',
    formats: tableFormats((f) => f.blockSize > 1 && /^T?Q/.test(f.name)),
  },
  {
    name: 'GGUF code book',
    branch: 'custom',
    title: 'Levels or points out of a book, as GGUF blocks',
    equation: 'x ≈ d·book[q]; IQ1 … IQ3: 4 or 8 values together',
    source: 'llama.cpp, ggml-common.h',
    formats: tableFormats((f) => f.name.startsWith('IQ')),
  },
  {
    name: 'GGUF block float',
    branch: 'floating point',
    title: 'Blocks of E2M1, as GGUF lays them out',
    equation: 'x ≈ 2^e·f or s·f, f an E2M1',
    source: 'llama.cpp, ggml-common.h; OCP MX 1.0',
    formats: tableFormats((f) => /^(MX|NV)/.test(f.name)),
  },
];

function tableFormats(belongs: (format: NumberFormat) => boolean): NumberFormat[] {
  return [...formats.values()].filter(belongs);
}

/** Every family, in the order of the documentation. A new family is a file in `families/` and its line here. */
export const families: readonly Family[] = [
  ...stored,
  integers,
  nestedIntegers,
  multiComponent,
  minifloatCasts,
  scaledMinifloats,
  mx,
  nv,
  blockFloatingPoint,
  blockMinifloat,
  binary,
  ternaries,
  nonUniform,
  vectors,
  protectedPackings,
  entropyCodes,
];

export { isBlocked };

export interface Entry {
  readonly family: Family;
  readonly format: NumberFormat | TensorFormat;
  /** The format as one of whole tensors. */
  readonly tensor: TensorFormat;
}

/** Every format there is, by name. Model files hold only those of `table.ts` that name them. */
export const registry: ReadonlyMap<string, Entry> = new Map(
  families.flatMap((family) =>
    family.formats.map(
      (format) =>
        [format.name, { family, format, tensor: isBlocked(format) ? blockedTensor(format) : format }] as const,
    ),
  ),
);

/** The entry of that name. @throws BitbudgetError when there is none */
export function entry(name: string): Entry {
  const found = registry.get(name);
  if (found) return found;
  throw new BitbudgetError(`number format ${name} is not known: "bitbudget formats" lists all ${registry.size}`);
}

/** Side of the tensor for which bits per weight are stated, where they depend on the shape. */
export const REFERENCE_SIDE = 4096;

/** Bits per weight as stored, of a tensor of 4096 × 4096 where the shape counts. */
export function storedBits({ format, tensor }: Entry): number {
  if (isBlocked(format)) return bitsPerWeight(format);
  return (8 * tensor.storedBytes(REFERENCE_SIDE, REFERENCE_SIDE)) / REFERENCE_SIDE ** 2;
}

/** Containers that can hold the format, as `container: its name there`. */
export function containersOf(format: NumberFormat | TensorFormat): Readonly<Record<string, string>> {
  const { safetensors, compressedTensors, onnx } = format;
  const gguf = 'gguf' in format && format.gguf !== undefined ? `${format.gguf.type}` : undefined;
  const names = { GGUF: gguf, safetensors, 'compressed-tensors': compressedTensors, ONNX: onnx };
  return Object.fromEntries(Object.entries(names).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Least and largest level before scales; undefined where levels are not bounded by the format. */
export function rangeOf(format: NumberFormat | TensorFormat): readonly [number, number] | undefined {
  if (!('grid' in format || 'points' in format)) return format.range;
  if (format.grid !== undefined) return [format.grid.levels[0], format.grid.levels[format.grid.levels.length - 1]];
  if (format.points === undefined) return undefined;
  const largest = Math.max(...format.points.books.map((book) => book.largest));
  return [-largest, largest];
}
