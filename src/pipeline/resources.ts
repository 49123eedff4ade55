import { bitsPerWeight, format, rowBytes } from '../numeric/table.ts';
import type { PricedTensor, SensitivityTable } from '../quantize/sensitivity.ts';

/** What one matrix takes in one format. */
type Resource = (table: SensitivityTable, tensor: PricedTensor, formatName: string) => number;

/** Matrices are multiplied with activations that nothing rounds: weight-only formats are told as `W4A16` in the field. */
const ACTIVATION_BITS = 16;

/** What a plan can be budgeted by: a further resource is one more entry. */
const RESOURCES = {
  bytes: (_, { rows, columns }, name) => storedBytes(name, rows, columns),
  /**
   * Bit operations per token: stored bits of a weight × bits of an activation × multiply-adds, rounded up. Attention's
   * products of activations with each other depend on no choice and are not counted.
   * @see van Baalen et al., "Bayesian bits", NeurIPS 2020, appendix B
   */
  bops: (table, tensor, name) => Math.ceil(bitsPerWeight(format(name)) * ACTIVATION_BITS * multiplyAdds(table, tensor)),
} satisfies Record<string, Resource>;

export type ResourceName = keyof typeof RESOURCES;

/** Most of each resource; `bytes` counts the finished file. */
export type Budgets = Readonly<Partial<Record<ResourceName, number>>>;

/** Every resource's cost of one option. */
export function costsOf(table: SensitivityTable, tensor: PricedTensor, name: string): Record<ResourceName, number> {
  const costs = Object.entries(RESOURCES).map(([resource, cost]) => [resource, cost(table, tensor, name)]);
  return Object.fromEntries(costs) as Record<ResourceName, number>;
}

/** GGUF pads every tensor to this many bytes. */
const ALIGNMENT = 32;

/** Bytes that a matrix takes in the file. */
export function storedBytes(formatName: string, rows: number, columns: number): number {
  return Math.ceil((rows * rowBytes(format(formatName), columns)) / ALIGNMENT) * ALIGNMENT;
}

/** Per token. Rows of an embedding are looked up; one that serves as output head too is multiplied. */
function multiplyAdds({ tensors }: SensitivityTable, { role, rows, columns }: PricedTensor): number {
  const lookedUp = role === 'token_embd' && tensors.some((tensor) => tensor.role === 'output');
  return lookedUp ? 0 : rows * columns;
}
