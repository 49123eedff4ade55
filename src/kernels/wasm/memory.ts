import type { Kernels } from '../contract.ts';
import type { Team } from './team.ts';

type MemoryKernels = Pick<Kernels, 'f32' | 'f64' | 'i32' | 'u8' | 'upload' | 'free' | 'scope' | 'memory' | 'close'>;

export function memoryKernels(team: Team): MemoryKernels {
  const f32 = (length: number) => {
    // Allocated first: it may grow the memory, which gives it a new buffer.
    const address = team.allocate(length * 4);
    return new Float32Array(team.memory.buffer, address, length);
  };
  return {
    f32: (length) => f32(length).fill(0),
    f64: (length) => {
      const address = team.allocate(length * 8);
      return new Float64Array(team.memory.buffer, address, length).fill(0);
    },
    i32: (length) => {
      const address = team.allocate(length * 4);
      return new Int32Array(team.memory.buffer, address, length).fill(0);
    },
    u8: (length) => {
      const address = team.allocate(length);
      return new Uint8Array(team.memory.buffer, address, length).fill(0);
    },
    upload: (values) => {
      const array = f32(values.length);
      array.set(values);
      return array;
    },
    free: (...arrays) => {
      for (const array of arrays) team.release(team.address(array));
    },
    scope: (work) => team.scope(work),
    memory: () => team.statistics(),
    close: () => team.close(),
  };
}
