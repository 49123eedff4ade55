import type { BitPlan } from '../allocate/types.ts';
import type { Magnitudes } from '../model/magnitudes.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { largestOf } from '../numeric/largest.ts';
import { format } from '../numeric/table.ts';
import { matrixFacts, storable } from './candidates.ts';
import { askedFormat } from './encode.ts';
import { matrices } from './sensitivity.ts';
import type { Substitute } from './substitutes.ts';

/** A plan that names what every matrix is stored in, and what that is instead of. */
export interface StoredPlan {
  readonly plan: BitPlan;
  readonly substitutes: readonly Substitute[];
}

/** @throws BitbudgetError when the plan names no format for a matrix */
export function storedPlan(model: Model, plan: BitPlan, magnitudes: Magnitudes): StoredPlan {
  const substitutes: Substitute[] = [];
  const formats = matrices(model).map((tensor) => {
    const asked = askedFormat(plan, tensor);
    const stored = storable(format(asked), matrixFacts(tensor, magnitudes)).name;
    if (stored !== asked)
      substitutes.push({ tensor: tensor.name, asked, stored, reason: reasonOf(tensor, asked, magnitudes) });
    return [tensor.name, stored] as const;
  });
  const { default: _, ...named } = plan;
  return { plan: { ...named, sites: { ...plan.sites, ...Object.fromEntries(formats) } }, substitutes };
}

function reasonOf({ name, shape }: ModelTensor, asked: string, magnitudes: Magnitudes): string {
  const target = format(asked);
  if (shape[1] % target.blockSize !== 0) return `rows of ${shape[1]} are no multiple of ${target.blockSize}`;
  const largest = Number(magnitudes.get(name)).toPrecision(6);
  return `a weight of ${Number(largest)} is beyond its ${Number(largestOf(target).toPrecision(6))}`;
}
