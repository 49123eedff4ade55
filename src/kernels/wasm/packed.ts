import { format } from '../../numeric/table.ts';
import type { Kernels, PackedMatrix } from '../contract.ts';
import { checkPacked, gatherRows, packedFormats, roundsActivations } from '../packedFormats.ts';
import { decodeBlocks } from './decode.ts';
import type { Team } from './team.ts';

/** From this many rows of activations on, unpacking weights once for all of them is faster than one row at a time. */
export const TOGETHER_FROM = 3;

/** Products with packed weights: `assembly/packed`. */
export function packedKernels(team: Team): Pick<Kernels, 'supportsPacked' | 'matmulPacked' | 'gatherRows'> {
  return {
    supportsPacked: (name) => packedFormats.includes(name),
    matmulPacked: (x, w, y, m) => {
      checkPacked(w, m, y, x);
      if (!roundsActivations(w.format)) {
        multiply(team, w, team.address(x), team.address(y), m);
        return;
      }
      const rowsAtOnce = roundedTogether(m);
      const rounded = team.allocate(packedScratch(m, w.columns));
      try {
        for (let row = 0; row < m; row += rowsAtOnce) {
          const from = team.address(x) + 4 * row * w.columns;
          const values = rowsAtOnce * w.columns;
          team.dispatch(`round${w.format}`, [from, rounded, rowsAtOnce, w.columns], values);
          multiply(team, w, rounded, team.address(y) + 4 * row * w.rows, rowsAtOnce);
        }
      } finally {
        team.release(rounded);
      }
    },
    gatherRows: (w, ids, y) =>
      gatherRows(w, ids, y, (blocks, values) => decodeBlocks(team, format(w.format), blocks, values)),
  };
}

function multiply(team: Team, w: PackedMatrix, x: number, y: number, m: number): void {
  const args = [x, team.address(w.blocks), y, m, w.rows, w.columns];
  team.dispatch(`packed${w.format}`, args, m * w.rows * w.columns);
}

function roundedTogether(m: number): number {
  return m < TOGETHER_FROM ? 1 : m;
}

/** Bytes that a product of x[m, k] with a packed matrix takes while it runs, where activations are rounded. */
export function packedScratch(m: number, k: number): number {
  return roundedActivationBytes(roundedTogether(m), k);
}

/** Most bytes that x[m, k] rounded takes in any layout of assembly/packed/activations.ts. */
export function roundedActivationBytes(m: number, k: number): number {
  return Math.ceil(m / 4) * 4 * k * 3.5 + 16;
}
