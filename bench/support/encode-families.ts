/** Encoding by kernels beside encoding in plain JavaScript, family by family, in the same run. */
import { Random } from '../../src/core/random.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import type { EncodeBackend } from '../../src/numeric/backend.ts';
import { families, isBlocked, registry } from '../../src/numeric/registry.ts';
import type { TensorFormat } from '../../src/numeric/types.ts';
import { median } from './median.ts';

const ROWS = 8;
const COLUMNS = 1024;
/** What a format is given, and its rounds at least: the best of them count. */
const MILLISECONDS = 150;
const LEAST_ROUNDS = 2;

const random = new Random(2);
const values = Float32Array.from({ length: ROWS * COLUMNS }, () => 0.02 * random.normal());
const importance = Float32Array.from(values, () => Math.exp(random.normal()));

interface Comparison {
  name: string;
  /** ns per value */
  own: number;
  kernels: number;
}

function timed(format: TensorFormat, backend?: EncodeBackend): number {
  const begin = performance.now();
  format.encode(values, COLUMNS, importance, backend);
  return ((performance.now() - begin) * 1e6) / values.length;
}

function compare(name: string, format: TensorFormat, kernels: Kernels): Comparison {
  const best = { name, own: Infinity, kernels: Infinity };
  const end = performance.now() + MILLISECONDS;
  for (let round = 0; round < LEAST_ROUNDS || performance.now() < end; round++) {
    best.own = Math.min(best.own, timed(format));
    best.kernels = Math.min(best.kernels, timed(format, kernels));
  }
  return best;
}

/** Times of JavaScript ÷ times of kernels. @param names of families, default all */
export function compareFamilies(kernels: Kernels, names: readonly string[]) {
  const chosen = families.filter(({ name }) => names.length === 0 || names.includes(name));
  return Object.fromEntries(
    chosen.map(({ name, formats }) => {
      const encoded = formats.filter((format) => !isBlocked(format) || format.encodeBlocks !== undefined);
      const found = encoded.map((format) => compare(format.name, registry.get(format.name)!.tensor, kernels));
      found.sort((a, b) => a.own / a.kernels - b.own / b.kernels);
      const row = {
        formats: found.length,
        'ns per value, median': Number(median(found.map((one) => one.kernels)).toPrecision(3)),
        'JavaScript ÷ kernels, median': Number(median(found.map((one) => one.own / one.kernels)).toPrecision(3)),
        least: Number((found[0].own / found[0].kernels).toPrecision(3)),
        'least in': found[0].name,
      };
      return [name, row];
    }),
  );
}
