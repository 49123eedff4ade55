import { onArrays, type TracedCall } from '../../kernels/arrays/device.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { Call, Program } from '../../kernels/program.ts';
import { FLOAT_KERNEL } from './predict.ts';

/** A call whose time depends on what a site is given, as it was timed inside of a forward pass. */
export interface TimedCall {
  /** The kernel of the site's format. */
  readonly kernel: string;
  /** A weight that was multiplied with, or a state that was decoded. */
  readonly site: string;
  /** On the clock of `performance.now`. */
  readonly start: number;
  readonly milliseconds: number;
}

/** Products with a weight; the weight is the second operand. */
const PRODUCTS: ReadonlySet<string> = new Set(['matmulNT', 'matmulPacked', 'groupedMatmulNT', 'groupedPacked']);
/** Rows are encoded, and all that the state holds is decoded; the state is the second operand. */
const CACHES: ReadonlySet<string> = new Set(['appendBlocks']);

/**
 * Kernels whose device tells of every call that belongs to a site how long it took.
 * @param sites ids; products with other weights, such as routers, are part of what no choice changes
 */
export function timedKernels(kernels: Kernels, sites: ReadonlySet<string>, tell: (call: TimedCall) => void): Kernels {
  return onArrays(kernels, ({ call, program, start, milliseconds }: TracedCall) => {
    const found = siteOf(call, program);
    if (found !== undefined && sites.has(found.site)) tell({ ...found, start, milliseconds });
  });
}

function siteOf(
  { kernel, operands, attributes }: Call,
  { places }: Program,
): Pick<TimedCall, 'kernel' | 'site'> | undefined {
  const place = places[operands[1]];
  if (PRODUCTS.has(kernel) && place.kind === 'weight')
    return { kernel: place.format ?? FLOAT_KERNEL, site: place.tensor };
  if (CACHES.has(kernel) && place.kind === 'state') return { kernel: attributes['format'] as string, site: place.name };
  return undefined;
}
