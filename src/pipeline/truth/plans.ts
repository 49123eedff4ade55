import { Random } from '../../core/random.ts';
import type { ModelTensor } from '../../model/types.ts';
import { bitsPerWeight, format } from '../../numeric/table.ts';

/** A choice for every matrix: index into its palette, in the order of the matrices. */
export type Choice = readonly number[];

/** How plans of the truth bench are drawn. */
export type PlanKind = 'uniform' | 'roles' | 'depth' | 'any' | 'range' | 'best' | 'nearBest';

export interface TruthPlan {
  readonly kind: PlanKind;
  readonly choice: Choice;
}

/** A matrix and the formats it may get, fewest bits first. */
export interface Palette {
  readonly tensor: Pick<ModelTensor, 'name' | 'role' | 'layer'>;
  readonly formats: readonly string[];
}

/** Shares of the kinds that are drawn without knowing anything; the rest are best plans and their neighbours. */
const SHARES = { roles: 0.17, depth: 0.14, any: 0.25, range: 0.25 } as const;

/** How often a matrix of a best plan moves to a neighbouring format. */
const MOVES = 0.15;

/**
 * About `count` different plans of many shapes: the same format everywhere, one for every role, widths that rise or fall with
 * depth, anything, anything within three bits, the best plans of an allocator at many sizes, and neighbours of those.
 * @param best choices of an allocator at `sizes` sizes
 */
export function drawPlans(
  palettes: readonly Palette[],
  count: number,
  seed: number,
  best: (sizes: number) => readonly Choice[],
): TruthPlan[] {
  const random = new Random(seed).fork('plans of the truth bench');
  const widest = Math.max(...palettes.map(({ formats }) => formats.length));
  const plans: TruthPlan[] = Array.from({ length: widest }, (_, width) => ({
    kind: 'uniform',
    choice: palettes.map((palette) => Math.min(width, palette.formats.length - 1)),
  }));
  const draw: Record<keyof typeof SHARES, () => Choice> = {
    roles: () => byRole(palettes, random),
    depth: () => byDepth(palettes, random),
    any: () => palettes.map(({ formats }) => random.integer(formats.length)),
    range: () => withinRange(palettes, random),
  };
  for (const kind of Object.keys(SHARES) as (keyof typeof SHARES)[])
    for (let i = 0; i < Math.round(SHARES[kind] * count); i++) plans.push({ kind, choice: draw[kind]() });
  const solved = best(Math.ceil((count - plans.length) / 2));
  for (const choice of solved) plans.push({ kind: 'best', choice });
  for (const choice of solved) plans.push({ kind: 'nearBest', choice: neighbour(choice, palettes, random) });
  return [...Map.groupBy(plans, ({ choice }) => choice.join()).values()].map(([first]) => first);
}

function byRole(palettes: readonly Palette[], random: Random): Choice {
  const drawn = new Map<string, number>();
  return palettes.map(({ tensor, formats }) => {
    const share = drawn.get(tensor.role) ?? random.uniform();
    drawn.set(tensor.role, share);
    return Math.floor(share * formats.length);
  });
}

function byDepth(palettes: readonly Palette[], random: Random): Choice {
  const [first, last, outside] = [random.uniform(), random.uniform(), random.uniform()];
  const layers = Math.max(...palettes.map(({ tensor }) => tensor.layer));
  return palettes.map(({ tensor, formats }) => {
    const share = tensor.layer < 0 ? outside : first + ((last - first) * tensor.layer) / Math.max(1, layers);
    return Math.floor(share * formats.length);
  });
}

function withinRange(palettes: readonly Palette[], random: Random): Choice {
  const least = 2 + 5 * random.uniform();
  return palettes.map(({ formats }) => {
    const allowed = formats.map(bits).flatMap((width, i) => (width >= least && width <= least + 3 ? [i] : []));
    return allowed.length > 0 ? allowed[random.integer(allowed.length)] : random.integer(formats.length);
  });
}

function bits(name: string): number {
  return bitsPerWeight(format(name));
}

function neighbour(choice: Choice, palettes: readonly Palette[], random: Random): Choice {
  return choice.map((option, i) => {
    if (random.uniform() >= MOVES) return option;
    const moved = option + (random.uniform() < 0.5 ? -1 : 1);
    return Math.min(palettes[i].formats.length - 1, Math.max(0, moved));
  });
}
