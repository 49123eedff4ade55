import type { LinearAttentionInputs, SequenceKernels } from '../contract/sequences.ts';
import type { ConvolutionShape, LinearAttentionShape } from '../contract.ts';
import { requireLength } from './matmul.ts';
import { SCRATCH_BYTES, type Team } from './team.ts';

/** As in assembly/convolution.ts: channels whose weights are held at once. */
const CHANNELS = 16;
/** As in assembly/recurrence.ts: rows of a head's matrix that are worked on together. */
const ROWS = 16;

/** Bytes that `linearAttention` works on where no state is kept. */
export function attentionRows({ keyDim }: Pick<LinearAttentionShape, 'keyDim'>, threads: number): number {
  return 4 * threads * ROWS * keyDim;
}

/** Tokens between the matrices that the gradients keep: about as many as there are such matrices. */
function spanOf(length: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(length)));
}

/** Bytes that the gradients work on. */
export function backwardRows(shape: Pick<LinearAttentionShape, 'keyDim' | 'length'>, threads: number): number {
  const span = spanOf(shape.length);
  return attentionRows(shape, threads) * (Math.ceil(shape.length / span) + span + 2);
}

export function sequenceKernels(team: Team): SequenceKernels {
  const at = team.address;
  const convolve = (name: string, arrays: number[], shape: ConvolutionShape, more: number[] = []): void => {
    const { sequences, length, channels, taps } = shape;
    if (!(taps >= 1 && 4 * taps * CHANNELS <= SCRATCH_BYTES))
      throw new RangeError(`${name} got ${taps} taps, takes 1 to ${SCRATCH_BYTES / 4 / CHANNELS}`);
    team.dispatch(name, [...arrays, sequences, length, channels, taps, ...more], sequences * length * channels * taps);
  };
  return {
    shortConv: (x, w, y, shape, state) => {
      checkConvolution(shape, [x, y], w, state);
      const fresh = shape.past ? 0 : 1;
      convolve('shortConv', [at(x), at(w), at(y), state ? at(state) : 0], shape, [fresh]);
    },
    shortConvBackward: (dy, w, dx, shape) => {
      checkConvolution(shape, [dy, dx], w);
      convolve('shortConvBackward', [dy, w, dx].map(at), shape);
    },
    shortConvWeightGradient: (x, dy, dw, shape) => {
      checkConvolution(shape, [x, dy], dw);
      convolve('shortConvWeightGradient', [x, dy, dw].map(at), shape);
    },
    linearAttention: (inputs, out, shape, state) => {
      const { sequences, length, heads, keyDim, valueDim, past = 0, scale } = shape;
      checkAttention(shape, inputs, out);
      if (state) checkState(shape, state, heads * valueDim * keyDim);
      const work = team.allocate(state ? 0 : attentionRows(shape, team.threads));
      try {
        const fresh = state && past > 0 ? 0 : 1;
        const args = [
          ...addresses(team, inputs),
          at(out),
          state ? at(state) : 0,
          work,
          ...numbers(shape),
          fresh,
          scale,
        ];
        team.dispatch('linearAttention', args, 4 * sequences * length * heads * valueDim * keyDim);
      } finally {
        team.release(work);
      }
    },
    linearAttentionBackward: (inputs, dOut, gradients, shape) => {
      const { sequences, length, heads, keyDim, valueDim, scale } = shape;
      checkAttention(shape, inputs, dOut);
      checkAttention(shape, gradients, dOut);
      const work = team.allocate(backwardRows(shape, team.threads));
      try {
        const arrays = [...addresses(team, inputs), at(dOut), ...addresses(team, gradients), work];
        const args = [...arrays, ...numbers(shape), spanOf(length), scale];
        team.dispatch('linearAttentionBackward', args, 14 * sequences * length * heads * valueDim * keyDim);
      } finally {
        team.release(work);
      }
    },
  };
}

function addresses({ address: at }: Team, { q, k, v, decay, strength }: LinearAttentionInputs): number[] {
  return [at(q), at(k), at(v), at(decay), at(strength)];
}

function numbers(shape: LinearAttentionShape): number[] {
  const { sequences, length, heads, keyHeads, keyDim, valueDim, tiled, delta } = shape;
  return [sequences, length, heads, keyHeads, keyDim, valueDim, tiled ? 1 : 0, delta ? 1 : 0];
}

function checkConvolution(shape: ConvolutionShape, rows: Float32Array[], w: Float32Array, state?: Float32Array): void {
  const { sequences, length, channels, taps } = shape;
  for (const array of rows) requireLength('of a convolution', array, sequences * length * channels);
  requireLength('with weights', w, channels * taps);
  if (state) checkState(shape, state, (taps - 1) * channels);
}

function checkAttention(
  shape: LinearAttentionShape,
  { q, k, v, decay, strength }: LinearAttentionInputs,
  out: Float32Array,
) {
  const { sequences, length, heads, keyHeads, keyDim, valueDim } = shape;
  if (heads % keyHeads !== 0) throw new RangeError(`${heads} heads, which ${keyHeads} keyHeads do not divide`);
  const tokens = sequences * length;
  for (const array of [q, k]) requireLength('with keys', array, tokens * keyHeads * keyDim);
  for (const array of [v, out]) requireLength('with values', array, tokens * heads * valueDim);
  for (const array of [decay, strength]) requireLength('with gates', array, tokens * heads);
}

function checkState({ sequences }: { sequences: number }, state: Float32Array, length: number): void {
  if (sequences !== 1) throw new RangeError(`a state goes with one sequence, ${sequences} were given`);
  requireLength('of a state', state, length);
}
