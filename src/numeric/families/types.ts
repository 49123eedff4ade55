import type { NumberFormat, TensorFormat } from '../types.ts';

/** Where formats stand in the taxonomy, and what they have in common. */
export interface Family {
  readonly name: string;
  readonly branch: 'fixed point' | 'floating point' | 'custom';
  /** One line. */
  readonly title: string;
  readonly equation: string;
  readonly source: string;
  readonly formats: readonly (NumberFormat | TensorFormat)[];
}
