import type { Kernels, PackedMatrix } from '../contract.ts';
import type { Attribute, Sizes } from '../program.ts';

/** An operand as kernels take it. */
export type View = Float32Array | Int32Array | Uint8Array | Float64Array | PackedMatrix;

/** What a call is bound to: its operands at the sizes bound, and its own sizes and attributes. */
export interface Bound {
  readonly kernels: Omit<Kernels, 'device'>;
  readonly views: readonly View[];
  readonly sizes: Readonly<Record<string, number>>;
  readonly attributes: { readonly [key: string]: Attribute };
}

/** Makes a call ready; what comes back runs it, and looks up what changes from run to run. */
export type Bind = (bound: Bound) => (run: Sizes) => void;

export const f32 = (view: View | undefined): Float32Array => view as Float32Array;
export const f64 = (view: View | undefined): Float64Array => view as Float64Array;
export const i32 = (view: View | undefined): Int32Array => view as Int32Array;
