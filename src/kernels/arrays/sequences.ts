import type { ConvolutionShape, LinearAttentionShape } from '../contract.ts';
import type { Sizes } from '../program.ts';
import { type Bind, type Bound, f32, type View } from './bind.ts';

/** Kernels that go along sequences, and columns taken apart. */
export const sequenceBindings: Readonly<Record<string, Bind>> = {
  shortConv: ({ kernels, views: [x, w, y, state], sizes }) => {
    const arrays = [f32(x), f32(w), f32(y)] as const;
    return (run) => kernels.shortConv(...arrays, convolution(sizes, run), state && f32(state));
  },
  shortConvBackward:
    ({ kernels, views: [dy, w, dx], sizes }) =>
    (run) =>
      kernels.shortConvBackward(f32(dy), f32(w), f32(dx), convolution(sizes, run)),
  shortConvWeightGradient:
    ({ kernels, views: [x, dy, dw], sizes }) =>
    (run) =>
      kernels.shortConvWeightGradient(f32(x), f32(dy), f32(dw), convolution(sizes, run)),

  linearAttention: ({ kernels, views, attributes }) => {
    const [inputs, out, state] = [named(views), f32(views[5]), views[6] && f32(views[6])];
    return (run) => kernels.linearAttention(inputs, out, recurrence(attributes, run), state);
  },
  linearAttentionBackward: ({ kernels, views, attributes }) => {
    const [inputs, dOut, gradients] = [named(views), f32(views[5]), named(views.slice(6))];
    return (run) => kernels.linearAttentionBackward(inputs, dOut, gradients, recurrence(attributes, run));
  },

  takePart: ({ views: [whole, part], sizes: { group, start, width } }) => {
    const [from, to] = [f32(whole), f32(part)];
    return () => {
      for (let at = 0, first = start; at < to.length; at += width, first += group)
        to.set(from.subarray(first, first + width), at);
    };
  },
  putPart: ({ views: [part, whole], sizes: { group, start, width } }) => {
    const [from, to] = [part && f32(part), f32(whole)];
    return () => {
      if (width === 0) return;
      for (let at = 0, first = start; first < to.length; at += width, first += group)
        if (from) to.set(from.subarray(at, at + width), first);
        else to.fill(0, first, first + width);
    };
  },
};

function convolution({ channels, taps }: Bound['sizes'], { sequences, length, past }: Sizes): ConvolutionShape {
  return { sequences, length, past, channels, taps };
}

function recurrence(attributes: Bound['attributes'], { sequences, length, past }: Sizes): LinearAttentionShape {
  return { ...(attributes as unknown as LinearAttentionShape), sequences, length, past };
}

function named(views: readonly View[]) {
  const [q, k, v, decay, strength] = views.map(f32);
  return { q, k, v, decay, strength };
}
