import { readFileSync } from 'node:fs';
import type { Group, Problem } from '../../src/allocate/types.ts';
import { budgetAt, bytesProblem, randomGroups, withEffects, withMoreResources } from './instances.ts';

/** How hard: proven at once, in a moment, only by good solvers, perhaps not at all. */
export type Grade = 'small' | 'medium' | 'large' | 'hard';

export interface Instance {
  readonly name: string;
  readonly grade: Grade;
  /** Made anew, the same every time. */
  build(): Problem;
}

/** `[tensor, format → [bytes, bit operations, loss, its standard error]]`, as priced for the embedded model with GPTQ. */
type PriceTable = [string, Record<string, [number, number, number, number]>][];

/** The embedded model's matrices, with prices as they were measured once. */
export function tinyGroups(): Group[] {
  const table = JSON.parse(readFileSync(new URL('tiny-prices.json', import.meta.url), 'utf8')) as PriceTable;
  return table.map(([id, prices]) => ({
    id,
    options: Object.entries(prices).map(([format, [bytes, bops, loss, lossError]]) => ({
      id: format,
      costs: { bytes, bops },
      loss,
      lossError,
    })),
  }));
}

/** The query, key and value matrices of every block, which some runtimes fuse. */
function fused(groups: readonly Group[]): Problem['couplings'] {
  const blocks = new Set(groups.map(({ id }) => /^blk\.\d+/.exec(id)?.[0]).filter((block) => block !== undefined));
  return [...blocks].map((block) => ({
    kind: 'agree',
    groups: ['q', 'k', 'v'].map((part) => `${block}.attn_${part}.weight`),
  }));
}

function threeBudgets(groups: readonly Group[], seed: number, share: number): Problem {
  const all = withMoreResources(groups, seed);
  const at = (resource: string): number => budgetAt(all, share, resource);
  return { groups: all, budgets: { bytes: at('bytes'), bops: at('bops'), milliseconds: at('milliseconds') } };
}

/** Losses nearly proportional to bytes of thousands of different sizes: the worst case of knapsacks. */
function proportional(groups: number): Group[] {
  return randomGroups('proportional', groups, 10, 8).map((group) => ({
    ...group,
    options: group.options.map(({ id, costs: { bytes }, loss }) => ({
      id,
      costs: { bytes: bytes * 31 + 7 },
      loss: loss + 1e-7 * (bytes % 97),
    })),
  }));
}

/** Every instance, in rising grade. Sizes are groups × options. */
export const library: readonly Instance[] = [
  { name: 'uncorrelated 12×5', grade: 'small', build: () => bytesProblem(randomGroups('uncorrelated', 12, 5, 1), 0.4) },
  { name: 'tensors 30×6', grade: 'small', build: () => bytesProblem(randomGroups('tensors', 30, 6, 1), 0.4) },
  { name: 'three budgets 16×6', grade: 'small', build: () => threeBudgets(randomGroups('tensors', 16, 6, 1), 1, 0.5) },
  {
    name: 'max 30×6',
    grade: 'small',
    build: () => ({ ...bytesProblem(randomGroups('tensors', 30, 6, 1), 0.4), objective: { kind: 'max' } }),
  },
  {
    name: 'worst 5 of 30×6',
    grade: 'small',
    build: () => ({ ...bytesProblem(randomGroups('tensors', 30, 6, 1), 0.4), objective: { kind: 'worst', count: 5 } }),
  },
  {
    name: 'interactions 16×6',
    grade: 'small',
    build: () => ({
      ...bytesProblem(withEffects(randomGroups('tensors', 16, 6, 1), 8, 1), 0.4),
      objective: { kind: 'quadratic' },
    }),
  },
  { name: 'tiny', grade: 'medium', build: () => ({ groups: tinyGroups(), budgets: { bytes: 4_600_000 } }) },
  {
    name: 'tiny, bytes and bops',
    grade: 'medium',
    build: () => ({ groups: tinyGroups(), budgets: { bytes: 4_600_000, bops: 450_000_000 } }),
  },
  {
    name: 'tiny, fused QKV',
    grade: 'medium',
    build: () => ({ groups: tinyGroups(), budgets: { bytes: 4_600_000 }, couplings: fused(tinyGroups()) }),
  },
  {
    name: 'tiny, 3 formats',
    grade: 'medium',
    build: () => ({ groups: tinyGroups(), budgets: { bytes: 4_600_000 }, couplings: [{ kind: 'palette', most: 3 }] }),
  },
  {
    name: 'tiny, max',
    grade: 'medium',
    build: () => ({ groups: tinyGroups(), budgets: { bytes: 4_600_000 }, objective: { kind: 'max' } }),
  },
  {
    name: 'tiny, worst 8',
    grade: 'medium',
    build: () => ({ groups: tinyGroups(), budgets: { bytes: 4_600_000 }, objective: { kind: 'worst', count: 8 } }),
  },
  {
    name: 'three budgets 211×12',
    grade: 'medium',
    build: () => threeBudgets(randomGroups('layers', 211, 12, 1), 1, 0.5),
  },
  {
    name: 'interactions 100×8',
    grade: 'medium',
    build: () => ({
      ...bytesProblem(withEffects(randomGroups('tensors', 100, 8, 1), 16, 1), 0.4),
      objective: { kind: 'quadratic' },
    }),
  },
  { name: 'tensors 1000×20', grade: 'large', build: () => bytesProblem(randomGroups('tensors', 1000, 20, 1), 0.4) },
  { name: 'layers 1000×20', grade: 'large', build: () => bytesProblem(randomGroups('layers', 1000, 20, 1), 0.4) },
  {
    name: 'three budgets 1000×20',
    grade: 'large',
    build: () => threeBudgets(randomGroups('tensors', 1000, 20, 1), 1, 0.5),
  },
  {
    name: 'tensors 100000×20',
    grade: 'large',
    build: () => bytesProblem(randomGroups('tensors', 100_000, 20, 1), 0.4),
  },
  { name: 'proportional 100×10', grade: 'hard', build: () => bytesProblem(proportional(100), 0.37) },
  { name: 'proportional 1000×10', grade: 'hard', build: () => bytesProblem(proportional(1000), 0.37) },
  { name: 'three budgets, proportional 100×10', grade: 'hard', build: () => threeBudgets(proportional(100), 2, 0.4) },
];
