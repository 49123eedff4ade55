import type { Kernels } from './contract.ts';

/** Matrices of format F32, whose blocks are the values themselves. */
export function f32PackedKernels(
  matmulNT: Kernels['matmulNT'],
): Pick<Kernels, 'supportsPacked' | 'matmulPacked' | 'gatherRows'> {
  const values = (blocks: Uint8Array) => new Float32Array(blocks.buffer, blocks.byteOffset, blocks.length / 4);
  return {
    supportsPacked: (format) => format === 'F32',
    matmulPacked: (x, w, y, m) => matmulNT(x, values(w.blocks), y, m, w.rows, w.columns),
    gatherRows: (w, ids, y) => {
      const table = values(w.blocks);
      ids.forEach((id, i) => y.set(table.subarray(id * w.columns, (id + 1) * w.columns), i * w.columns));
    },
  };
}
