import type { MatrixKind } from '../../graph/kinds.ts';
import { hasOddParity } from '../../numeric/bits.ts';
import { bitsPerWeight, format } from '../../numeric/table.ts';

/** A matrix and the formats that it may get. */
export interface ProbeMatrix {
  readonly name: string;
  readonly kind: MatrixKind;
  readonly formats: readonly string[];
}

/** Bits per weight of the two widths that probes mix: where the second order begins to fail, and where it holds. */
const COARSE_BITS = 2.625;
const FINE_BITS = 4.5;

/** Runs of the design. */
const RUNS = 8;

/** Walsh functions that give kinds their columns: no two kinds, and no kind and two others, always change together. */
const COLUMNS: Readonly<Record<MatrixKind, number>> = { embedding: 1, head: 2, attention: 4, feedForward: 7 };

/**
 * Eight plans that tell the kinds of matrices apart: each kind as a whole coarse or fine, by a fractional factorial design.
 * All together take two roundings of the model.
 * @returns formats by name of matrix
 * @see Box and Hunter, The 2^(k−p) fractional factorial designs (1961): 2^(4−1), resolution IV
 */
export function probePlans(matrices: readonly ProbeMatrix[]): Record<string, string>[] {
  return Array.from({ length: RUNS }, (_, run) =>
    Object.fromEntries(
      matrices.map(({ name, kind, formats }) => {
        const isFine = hasOddParity(run & COLUMNS[kind]);
        return [name, nearest(formats, isFine ? FINE_BITS : COARSE_BITS)];
      }),
    ),
  );
}

function nearest(formats: readonly string[], bits: number): string {
  const distance = (name: string): number => Math.abs(bitsPerWeight(format(name)) - bits);
  return formats.reduce((best, name) => (distance(name) < distance(best) ? name : best));
}
