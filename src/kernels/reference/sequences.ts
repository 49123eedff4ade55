import type { LinearAttentionInputs, SequenceKernels } from '../contract/sequences.ts';
import type { ConvolutionShape, LinearAttentionShape } from '../contract.ts';

/** Calls with every output, and each of its taps that is there: the place of its input, −1 − i in row i of the state. */
function forEachTap(
  { sequences, length, past = 0, channels, taps }: ConvolutionShape,
  visit: (output: number, tap: number, input: number) => void,
): void {
  for (let at = 0; at < sequences * length * channels; at++) {
    const [token, channel] = [Math.floor(at / channels) % length, at % channels];
    for (let tap = 0; tap < taps; tap++) {
      const back = taps - 1 - tap;
      if (back <= token) visit(at, channel * taps + tap, at - back * channels);
      else if (past > 0) visit(at, channel * taps + tap, -1 - ((token + tap) * channels + channel));
    }
  }
}

/** The last rows of what the state held and x, which take its place. */
function keepLast(x: Float32Array, state: Float32Array, { past = 0 }: ConvolutionShape): void {
  const before = past > 0 ? Array.from(state) : new Array<number>(state.length).fill(0);
  state.set(state.length === 0 ? [] : [...before, ...x].slice(-state.length));
}

/** The head of queries and keys of a head. */
function keyHead(head: number, { heads, keyHeads, tiled }: LinearAttentionShape): number {
  return tiled ? head % keyHeads : Math.floor((head * keyHeads) / heads);
}

/** One row of S at one token: places in the inputs, and S before it. */
interface Step {
  readonly token: number;
  /** Place in decay and strength, in v and out, and where q and k of the head begin. */
  readonly gate: number;
  readonly value: number;
  readonly key: number;
}

/** Steps of one row of S, token by token. */
function stepsOf(shape: LinearAttentionShape, sequence: number, head: number, row: number): Step[] {
  const { length, heads, keyHeads, keyDim, valueDim } = shape;
  return Array.from({ length }, (_, i) => {
    const token = sequence * length + i;
    const gate = token * heads + head;
    return { token, gate, value: gate * valueDim + row, key: (token * keyHeads + keyHead(head, shape)) * keyDim };
  });
}

function dot(a: ArrayLike<number>, b: Float32Array, from: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[from + i];
  return sum;
}

/** S after a step, what it held under the key, and what was written. */
function advance(s: Float64Array, { gate, value, key }: Step, inputs: LinearAttentionInputs, delta: boolean) {
  const { k, v, decay, strength } = inputs;
  const kept = s.map((each) => each * Math.exp(decay[gate]));
  const left = v[value] - (delta ? dot(kept, k, key) : 0);
  const written = strength[gate] * left;
  return { kept, left, written, s: kept.map((each, i) => each + written * k[key + i]) };
}

export const sequenceKernels: SequenceKernels = {
  shortConv: (x, w, y, shape, state) => {
    const sums = new Float64Array(y.length);
    forEachTap(shape, (output, weight, input) => {
      sums[output] += w[weight] * (input >= 0 ? x[input] : (state?.[-1 - input] ?? 0));
    });
    y.set(sums);
    if (state) keepLast(x, state, shape);
  },
  shortConvBackward: (dy, w, dx, shape) => {
    const sums = new Float64Array(dx.length);
    forEachTap({ ...shape, past: 0 }, (output, weight, input) => {
      sums[input] += w[weight] * dy[output];
    });
    dx.set(sums);
  },
  shortConvWeightGradient: (x, dy, dw, shape) => {
    const sums = new Float64Array(dw.length);
    forEachTap({ ...shape, past: 0 }, (output, weight, input) => {
      sums[weight] += x[input] * dy[output];
    });
    dw.set(sums);
  },

  linearAttention: (inputs, out, shape, state) => {
    const { sequences, past = 0, heads, keyDim, valueDim, delta, scale } = shape;
    for (let sequence = 0; sequence < sequences; sequence++)
      for (let head = 0; head < heads; head++)
        for (let row = 0; row < valueDim; row++) {
          const held = state?.subarray((head * valueDim + row) * keyDim, (head * valueDim + row + 1) * keyDim);
          let s = held && past > 0 ? Float64Array.from(held) : new Float64Array(keyDim);
          for (const step of stepsOf(shape, sequence, head, row)) {
            s = advance(s, step, inputs, delta).s;
            out[step.value] = scale * dot(s, inputs.q, step.key);
          }
          held?.set(s);
        }
  },

  // With dS the gradient at S behind a token: dS += scale·dOut·q; written, left and kept as in `advance`.
  linearAttentionBackward: (inputs, dOut, gradients, shape) => {
    const { sequences, heads, keyDim, valueDim, delta, scale } = shape;
    const { q, k, strength, decay } = inputs;
    const sums = {
      q: new Float64Array(gradients.q.length),
      k: new Float64Array(gradients.k.length),
      decay: new Float64Array(gradients.decay.length),
      strength: new Float64Array(gradients.strength.length),
    };
    for (let sequence = 0; sequence < sequences; sequence++)
      for (let head = 0; head < heads; head++)
        for (let row = 0; row < valueDim; row++) {
          const steps = stepsOf(shape, sequence, head, row);
          const after = steps.map(() => new Float64Array(keyDim));
          const made = steps.map((step, i) => {
            const result = advance(after[i - 1] ?? new Float64Array(keyDim), step, inputs, delta);
            after[i] = result.s;
            return result;
          });
          let ds = new Float64Array(keyDim);
          for (let i = steps.length - 1; i >= 0; i--) {
            const { gate, value, key } = steps[i];
            const { kept, left, written, s } = made[i];
            const seed = scale * dOut[value];
            ds = ds.map((each, d) => each + seed * q[key + d]);
            const dWritten = dot(ds, k, key);
            const dHeld = delta ? -strength[gate] * dWritten : 0;
            for (let d = 0; d < keyDim; d++) {
              sums.q[key + d] += seed * s[d];
              sums.k[key + d] += written * ds[d] + dHeld * kept[d];
            }
            gradients.v[value] = strength[gate] * dWritten;
            sums.strength[gate] += left * dWritten;
            ds = ds.map((each, d) => each + dHeld * k[key + d]);
            sums.decay[gate] += ds.reduce((sum, each, d) => sum + each * kept[d], 0);
            ds = ds.map((each) => each * Math.exp(decay[gate]));
          }
        }
    gradients.q.set(sums.q);
    gradients.k.set(sums.k);
    gradients.decay.set(sums.decay);
    gradients.strength.set(sums.strength);
  },
};
