import type { BitPlan } from '../../allocate/types.ts';
import type { Model } from '../../model/types.ts';

/** `Q4_K 61 %, Q6_K 39 %` by weights. */
export function formatShares(model: Model, plan: BitPlan): string {
  const weights = new Map<string, number>();
  let total = 0;
  for (const { name, shape } of model.tensors.values()) {
    const format = plan.formats[name] ?? (shape.length === 2 ? plan.default : undefined);
    if (format === undefined) continue;
    const count = shape[0] * shape[1];
    weights.set(format, (weights.get(format) ?? 0) + count);
    total += count;
  }
  const shares = [...weights].sort((a, b) => b[1] - a[1]);
  return shares.map(([format, count]) => `${format} ${((100 * count) / total).toFixed(0)} %`).join(', ');
}
