import type { Kernels, RoundBlockTask } from '../contract.ts';
import { requireLength } from './matmul.ts';
import type { Team } from './team.ts';

/** Columns eliminated at a time: long enough for the update to run at the speed of matrix products. */
const BLOCK = 128;

export function feedbackKernels(team: Team): Pick<Kernels, 'feedbackFactor' | 'roundBlock'> {
  return {
    feedbackFactor: (h, u, n) => {
      requireLength('h', h, n * n);
      requireLength('u', u, n * n);
      return factor(team, team.address(h), team.address(u), n);
    },
    roundBlock: (task) => roundBlock(team, task),
  };
}

function factor(team: Team, h: number, u: number, n: number): boolean {
  const weight = team.allocate(n * 4);
  const inverse = team.allocate(BLOCK * BLOCK * 4);
  const failed = team.allocate(4);
  const flag = new Int32Array(team.memory.buffer, failed, 1).fill(0);
  const element = (row: number, column: number) => (row * n + column) * 4;
  try {
    for (let start = Math.floor((n - 1) / BLOCK) * BLOCK; start >= 0; start -= BLOCK) {
      const size = Math.min(BLOCK, n - start);
      team.dispatch('factorDiagonal', [h, u, weight, inverse, failed, n, start, size], 0);
      if (flag[0]) return false;
      if (start === 0) break;
      // Yᵀ[block, before] = inverseᵀ · h[block, before]; then h[before, before] += Yᵀᵀ·weight·Yᵀ.
      const rows = u + element(start, 0);
      const strides = [inverse, 1, size, h + element(start, 0), n, 1, rows, n];
      team.dispatch('matmul', [...strides, size, start, size, 0], size * size * start);
      team.dispatch('gram', [rows, weight + start * 4, h, size, start, n], (size * start * start) / 2);
    }
    team.dispatch('finishFactor', [u, weight, n], n * n);
    return true;
  } finally {
    for (const address of [weight, inverse, failed]) team.release(address);
  }
}

function roundBlock(team: Team, task: RoundBlockTask): void {
  const { rows, columns, weight, target, u, scale, offset, subBlocks, subBlock, levels, codes, error } = task;
  for (const array of [weight, target, codes, error]) requireLength('of roundBlock', array, rows * columns);
  for (const array of [scale, offset]) requireLength('scale or offset', array, rows * subBlocks);
  requireLength('u', u, columns * columns);
  requireLength('subBlock', subBlock, columns);
  if (levels.length < 1 || levels.length > 256)
    throw new RangeError(`roundBlock got ${levels.length} levels, takes 1 to 256`);
  if (subBlock.some((index) => index < 0 || index >= subBlocks)) {
    throw new RangeError(`roundBlock got a subBlock outside 0 to ${subBlocks - 1}`);
  }
  const consecutive = levels.every((level, i) => level === Math.round(levels[0]) + i) ? 1 : 0;
  const arrays = [weight, target, u, scale, offset, subBlock, levels, codes, error].map(team.address);
  team.dispatch(
    'roundBlock',
    [...arrays, rows, columns, subBlocks, levels.length, consecutive],
    rows * columns * (10 + columns / 8),
  );
}
