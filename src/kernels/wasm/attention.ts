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

/** Bytes of the scores that attention works on where one tile's queries see `keys` tokens together. */
export function attentionScratch(threads: number, keys: number): number {
  return threads * QUERIES * scoreRow(keys) * 4;
}

/** `NO_DIAGONAL` of assembly/gemm.ts: larger than any size. */
const NO_WINDOW = 2 ** 29;

function windowOf({ window, past, length }: AttentionShape): number {
  return window === undefined || window >= past + length ? NO_WINDOW : window;
}

/** Most keys that the queries of one tile see together: what `attentionScratch` takes. */
export function tileKeys(shape: AttentionShape): number {
  const { past, length, chunk = 0, causal = true } = shape;
  const window = chunk || windowOf(shape);
  const rows = Math.min(QUERIES, length);
  return Math.min(past + length, rows + (causal ? 1 : 2) * (window - 1));
}

/** Bytes of one tile of scores on every thread. */
export function scratchOf(shape: AttentionShape, threads: number): number {
  return attentionScratch(threads, tileKeys(shape));
}

/** Tiles of scores that the gradients work on: probabilities, their gradients, and slopes of the cap. */
export function backwardTiles({ softcap }: AttentionShape): number {
  return softcap === undefined ? 2 : 3;
}

/** Keys that a query sees on average, about. */
function meanKeys(shape: AttentionShape): number {
  const { past, length, chunk = 0, causal = true } = shape;
  const window = chunk || windowOf(shape);
  return causal ? Math.min(past + length / 2, window) : Math.min(past + length, 2 * window - 1);
}

function check(shape: AttentionShape, queries: Float32Array[], keys: Float32Array[]): void {
  const { sequences, length, past, capacity, heads, kvHeads, headDim, window = 1, chunk = 1, softcap = 1 } = shape;
  if (heads % kvHeads !== 0)
    throw new RangeError(`attention has ${heads} heads, which ${kvHeads} kvHeads do not divide`);
  if (past + length > capacity) throw new RangeError(`attention sees ${past + length} tokens, capacity is ${capacity}`);
  if (!(Number.isInteger(window) && window >= 1))
    throw new RangeError(`attention got a window of ${window} keys, takes whole numbers from 1 on`);
  if (!(Number.isInteger(chunk) && chunk >= 1))
    throw new RangeError(`attention got chunks of ${chunk} keys, takes whole numbers from 1 on`);
  if (!(softcap > 0 && softcap < Infinity))
    throw new RangeError(`attention got a softcap of ${softcap}, takes positive numbers; leave it out for none`);
  for (const array of queries) requireLength('with queries', array, sequences * length * heads * headDim);
  // The last sequence may end with its last token.
  const rows = (sequences - 1) * capacity + past + length;
  for (const array of keys) requireLength('with keys', array, rows * kvHeads * headDim);
}

export function attentionKernels(team: Team): Pick<Kernels, 'attention' | 'attentionBackward'> {
  const at = team.address;
  /** Runs with `matrices` tiles of scores per thread; `args` without them. */
  const run = (name: string, matrices: number, shape: AttentionShape, args: number[], work: number) => {
    const { causal = true, headDim, chunk = 0, scale = 1 / Math.sqrt(headDim), softcap = 0 } = shape;
    const keys = tileKeys(shape);
    const scores = team.allocate(matrices * scratchOf(shape, team.threads));
    try {
      const options = [windowOf(shape), chunk, causal ? 1 : 0, scale, softcap];
      team.dispatch(name, [...args, ...options, scores, scoreRow(keys)], work);
    } finally {
      team.release(scores);
    }
  };
  return {
    attention: (q, k, v, out, shape, sinks) => {
      check(shape, [q, out], [k, v]);
      if (sinks !== undefined) requireLength('sinks', sinks, shape.heads);
      const { sequences, length, past, capacity, heads, kvHeads, headDim } = shape;
      const sizes = [sequences, length, past, capacity, heads, kvHeads, headDim];
      const work = sequences * heads * length * meanKeys(shape) * 2 * headDim;
      run('attention', 1, shape, [at(q), at(k), at(v), at(out), sinks ? at(sinks) : 0, ...sizes], work);
    },
    attentionBackward: (q, k, v, dOut, dq, dk, dv, shape, sinks) => {
      const { sequences, length, past, capacity, heads, kvHeads, headDim } = shape;
      if (past !== 0 || capacity !== length) {
        throw new RangeError(`attentionBackward got past ${past} and capacity ${capacity}, takes 0 and ${length}`);
      }
      check(shape, [q, dOut, dq], [k, v, dk, dv]);
      const arrays = [q, k, v, dOut, dq, dk, dv].map(at);
      const work = sequences * heads * length * meanKeys(shape) * 5 * headDim;
      const sizes = [sequences, length, heads, kvHeads, headDim];
      const tiles = backwardTiles(shape);
      if (sinks === undefined) return run('attentionBackward', tiles, shape, [...arrays, 0, 0, ...sizes], work);
      for (const array of [sinks.values, sinks.gradient]) requireLength('of sinks', array, heads);
      // Of every sequence and head, added up here: threads share neither.
      const parts = team.allocate(sequences * heads * 4);
      try {
        run('attentionBackward', tiles, shape, [...arrays, at(sinks.values), parts, ...sizes], work);
        const each = new Float32Array(team.memory.buffer, parts, sequences * heads);
        for (let head = 0; head < heads; head++) {
          let sum = 0;
          for (let sequence = 0; sequence < sequences; sequence++) sum += each[sequence * heads + head];
          sinks.gradient[head] = sum;
        }
      } finally {
        team.release(parts);
      }
    },
  };
}
