import type { SumKernels } from '../contract/sums.ts';
import type { SketchSums } from '../contract.ts';
import { requireLength } from './matmul.ts';
import type { Team } from './team.ts';

/** A product of the output head's sketch goes into four sums. */
const HEAD_SUMS = 6;

export function sumKernels(team: Team): SumKernels {
  const at = team.address;
  return {
    rowEnergy: (g, energy, weight) => {
      requireLength('g', g, weight.length * energy.length);
      const args = [at(g), at(energy), at(weight), weight.length, energy.length];
      team.dispatch('rowEnergy', args, 2 * weight.length * energy.length);
    },
    columnEnergy: (x, energy, columns) => {
      requireLength('energy', energy, columns);
      if (x.length % columns !== 0)
        throw new RangeError(`columnEnergy got ${x.length} values, which are not whole rows of ${columns}`);
      team.dispatch('columnEnergy', [at(x), at(energy), x.length / columns, columns], x.length);
    },
    sketch: (change, g, width, stride, length, sums) => {
      const { sequences, rows } = checkSketch(change, g, width, stride, length, sums);
      const tokens = sequences * length;
      withDoubles(team, [sequences * rows, tokens], ([perRow, squares]) => {
        const shape = [rows, width, stride];
        team.dispatch('sketchRows', [at(change), at(g), perRow, sequences, length, ...shape], 2 * change.length);
        team.dispatch('sketchTokens', [at(change), at(g), squares, tokens, ...shape], 2 * change.length);
        const numbers = [sequences, length, rows];
        team.dispatch('addSketch', [perRow, squares, ...addresses(team, sums), ...numbers], tokens + sequences * rows);
      });
    },
    sketchHead: (change, g, width, stride, length, sums) => {
      const { sequences, rows } = checkSketch(change, g, width, stride, length, sums);
      const tokens = sequences * length;
      withDoubles(team, [3 * tokens], ([values]) => {
        const args = [at(change), at(g), values, tokens, rows, width, stride];
        team.dispatch('sketchHeadTokens', args, HEAD_SUMS * change.length);
        team.dispatch('addSketchHead', [values, ...addresses(team, sums), sequences, length], 3 * tokens);
      });
    },
  };
}

function addresses(team: Team, { innerProducts, squares, rowProducts, tokenProducts }: SketchSums): number[] {
  return [innerProducts, squares, rowProducts, tokenProducts].map(team.address);
}

/** Calls with float64 arrays of unknown content. */
function withDoubles(team: Team, lengths: number[], use: (places: number[]) => void): void {
  const places: number[] = [];
  try {
    for (const length of lengths) places.push(team.allocate(length * 8));
    use(places);
  } finally {
    for (const place of places) team.release(place);
  }
}

function checkSketch(
  change: Float32Array,
  g: Float32Array,
  width: number,
  stride: number,
  length: number,
  sums: SketchSums,
): { sequences: number; rows: number } {
  const sequences = sums.innerProducts.length;
  for (const array of Object.values(sums)) requireLength('of sums', array, sequences);
  const tokens = sequences * length;
  const rows = tokens === 0 ? 0 : change.length / tokens;
  if (!Number.isInteger(rows) || (rows - 1) * stride >= width) {
    const found = `${change.length} changes of ${tokens} tokens`;
    throw new RangeError(`sketch got ${found}, which are not every ${stride}th of ${width} outputs`);
  }
  requireLength('g', g, tokens * width);
  return { sequences, rows };
}
