import { UsageError } from '../../core/errors.ts';
import { blockReconstruction } from './block-reconstruction.ts';
import { firstOrder } from './first-order.ts';
import { hawqActivations } from './hawq-activations.ts';
import { hawqEigenvalue } from './hawq-eigenvalue.ts';
import { hawqHutchinson, hawqHutchinsonOrthogonal } from './hawq-hutchinson.ts';
import { hawqTrace } from './hawq-trace.ts';
import { imatrix } from './imatrix.ts';
import { klAdditive } from './kl-additive.ts';
import { klInteractions } from './kl-interactions.ts';
import { klKronecker } from './kl-kronecker.ts';
import { klRows } from './kl-rows.ts';
import { mcMoe } from './mc-moe.ts';
import { measuredKl } from './measured-kl.ts';
import { mixdq } from './mixdq.ts';
import { mixllm } from './mixllm.ts';
import { ohq } from './ohq.ts';
import { ompq } from './ompq.ts';
import { outputError } from './output-error.ts';
import { outputFisher } from './output-fisher.ts';
import { sqnr } from './sqnr.ts';
import type { Metric } from './types.ts';
import { varianceGain } from './variance-gain.ts';
import { varianceRule } from './variance-rule.ts';
import { weightMse } from './weight-mse.ts';
import { zeroq } from './zeroq.ts';

/** Every metric, cheapest kind first. A new one is a file and its line here. */
export const metrics: readonly Metric[] = [
  weightMse,
  sqnr,
  varianceGain,
  imatrix,
  hawqEigenvalue,
  hawqTrace,
  varianceRule,
  klKronecker,
  outputError,
  mixdq,
  mcMoe,
  ohq,
  ompq,
  hawqHutchinson,
  hawqHutchinsonOrthogonal,
  hawqActivations,
  firstOrder,
  mixllm,
  outputFisher,
  klAdditive,
  klRows,
  klInteractions,
  blockReconstruction,
  measuredKl,
  zeroq,
];

/**
 * The metrics of these names, in the order given; `kl` is the one that plans are priced with.
 * @throws UsageError naming the known ones
 */
export function metricsNamed(names: readonly string[]): Metric[] {
  return names.map((name) => {
    const found = metrics.find((metric) => metric.name === (name === 'kl' ? klKronecker.name : name));
    if (found) return found;
    const known = ['kl', ...metrics.map((metric) => metric.name)].join(', ');
    throw new UsageError(`metric ${name} is not known; expected some of ${known}`);
  });
}
