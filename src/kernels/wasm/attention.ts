import type { AttentionShape, Kernels } from '../contract.ts';
import { requireLength } from './matmul.ts';
import type { Team } from './team.ts';

/** Queries per tile, as in assembly/attention.ts. */
const QUERIES = 66;

/**
 * Floats from one row of scores to the next: a multiple of 16 and no multiple of 1024, whose rows would fall on the
 * same lines of the cache.
 */
function scoreRow(keys: number): number {
  const row = Math.ceil(keys / 16) * 16;
  return row % 1024 === 0 ? row + 16 : row;
}

/** Bytes of the scores that attention over `keys` tokens works on. */
export function attentionScratch(threads: number, keys: number): number {
  return threads * QUERIES * scoreRow(keys) * 4;
}

function check(shape: AttentionShape, queries: Float32Array[], keys: Float32Array[]): void {
  const { sequences, length, past, capacity, heads, kvHeads, headDim } = shape;
  if (heads % kvHeads !== 0)
    throw new RangeError(`attention has ${heads} heads, which ${kvHeads} kvHeads do not divide`);
  if (past + length > capacity) throw new RangeError(`attention sees ${past + length} tokens, capacity is ${capacity}`);
  for (const array of queries) requireLength('with queries', array, sequences * length * heads * headDim);
  // The last sequence may end with its last token.
  const rows = (sequences - 1) * capacity + past + length;
  for (const array of keys) requireLength('with keys', array, rows * kvHeads * headDim);
}

export function attentionKernels(team: Team): Pick<Kernels, 'attention' | 'attentionBackward'> {
  const at = team.address;
  const withScores = (matrices: number, keys: number, run: (work: number, row: number) => void) => {
    const work = team.allocate(matrices * attentionScratch(team.threads, keys));
    try {
      run(work, scoreRow(keys));
    } finally {
      team.release(work);
    }
  };
  return {
    attention: (q, k, v, out, shape) => {
      check(shape, [q, out], [k, v]);
      const { sequences, length, past, capacity, heads, kvHeads, headDim } = shape;
      const keys = past + length;
      const sizes = [sequences, length, past, capacity, heads, kvHeads, headDim];
      withScores(1, keys, (work, row) => {
        const args = [at(q), at(k), at(v), at(out), ...sizes, work, row];
        team.dispatch('attention', args, sequences * heads * length * (past + length / 2) * 2 * headDim);
      });
    },
    attentionBackward: (q, k, v, dOut, dq, dk, dv, shape) => {
      const { sequences, length, past, capacity, heads, kvHeads, headDim } = shape;
      if (past !== 0 || capacity !== length) {
        throw new RangeError(`attentionBackward got past ${past} and capacity ${capacity}, takes 0 and ${length}`);
      }
      check(shape, [q, dOut, dq], [k, v, dk, dv]);
      withScores(2, length, (work, row) => {
        const args = [
          at(q),
          at(k),
          at(v),
          at(dOut),
          at(dq),
          at(dk),
          at(dv),
          sequences,
          length,
          heads,
          kvHeads,
          headDim,
        ];
        team.dispatch('attentionBackward', [...args, work, row], sequences * heads * length ** 2 * 2.5 * headDim);
      });
    },
  };
}
