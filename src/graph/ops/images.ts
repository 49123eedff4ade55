import { type Size, sizeOf, timesSize } from '../../kernels/program.ts';
import type { Attributes, Builder, Op, Shape, ValueId } from '../types.ts';
import { matrixOf, numberOf, shareOf } from './checks.ts';
import { einsumOf, reshaped, shapeIn, sumOf } from './primitives/algebra.ts';

/*
 * Images are rows of pixels, [images · height · width, channels]. A convolution is `patches` and then `linear`, so that
 * its weight is a matrix like any other.
 */

/** Sizes of windows that slide over images. */
function windows(attributes: Attributes) {
  const number = (name: string, fallback?: number): number => numberOf(attributes, name, fallback);
  const [height, width, channels, kernel] = [number('height'), number('width'), number('channels'), number('kernel')];
  const [stride, padding] = [number('stride', 1), number('padding', 0)];
  const out = (size: number): number => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  return { height, width, channels, kernel, stride, padding, outHeight: out(height), outWidth: out(width) };
}

/** Rows of the result of windows over the pixels of `rows`. */
function windowRows(rows: Size, { height, width, outHeight, outWidth }: ReturnType<typeof windows>): Size {
  return timesSize(rows, outHeight * outWidth, height * width);
}

/** Number of images, once the sizes are bound. */
const imagesOf = (shape: Shape, { height, width }: ReturnType<typeof windows>): Size =>
  timesSize(shape[0], 1, height * width);

/** What every window sees: [images · outHeight · outWidth, kernel · kernel · channels], zeros outside. */
export const patches: Op = {
  name: 'patches',
  infer: ([x], attributes) => {
    const sizes = windows(attributes);
    const { kernel, channels } = sizes;
    return [{ type: 'f32', shape: [windowRows(matrixOf('patches', x).rows, sizes), kernel * kernel * channels] }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'unfold',
      operands: [x!, y],
      sizes: { images: imagesOf(lowering.typeOf(x!).shape, windows(attributes)) },
      attributes: windows(attributes),
    },
  ],
  expand: ({ inputs: [x], attributes }, build) => [patchesOf(build, x!, windows(attributes))],
  vjp: ({ inputs: [x], attributes }, [dy], build) => [
    (addend) => shareOf(build, build.node('patchesTransposed', [dy!, x], attributes))(addend),
  ],
};

/** Every place of the window is a slice of the padded images, and one run of the output's columns. */
function patchesOf(build: Builder, x: ValueId, sizes: ReturnType<typeof windows>): ValueId {
  const { height, width, channels, kernel, stride, padding, outHeight, outWidth } = sizes;
  const images = shapeIn(build, x)[0] / (height * width);
  const ones = [1, 1, 1, 1];
  const padded = build.node('place', [reshaped(build, x, [images, height, width, channels])], {
    starts: [0, padding, padding, 0],
    steps: ones,
    shape: [images, height + 2 * padding, width + 2 * padding, channels],
  });
  const parts = Array.from({ length: kernel * kernel }, (_, place) => {
    const seen = build.node('slice', [padded], {
      starts: [0, Math.floor(place / kernel), place % kernel, 0],
      steps: [1, stride, stride, 1],
      sizes: [images, outHeight, outWidth, channels],
    });
    return build.node('place', [reshaped(build, seen, [images, outHeight, outWidth, 1, channels])], {
      starts: [0, 0, 0, place, 0],
      steps: [...ones, 1],
      shape: [images, outHeight, outWidth, kernel * kernel, channels],
    });
  });
  return reshaped(build, sumOf(build, parts), [images * outHeight * outWidth, kernel * kernel * channels]);
}

/** Every pixel's places in patches, summed. The second input tells the shape alone. */
export const patchesTransposed: Op = {
  name: 'patchesTransposed',
  infer: ([, x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [dy], outputs: [dx], attributes }, lowering) => [
    {
      kernel: 'fold',
      operands: [dy!, dx],
      sizes: { images: imagesOf(lowering.typeOf(dx).shape, windows(attributes)) },
      attributes: windows(attributes),
    },
  ],
  vjp: ({ attributes }, [g], build) => [
    (addend) => shareOf(build, build.node('patches', [g!], attributes))(addend),
    null,
  ],
};

/** The mean of each run of `count` rows: pooling over an image's pixels or a sequence's tokens. */
export const meanRows: Op = {
  name: 'meanRows',
  infer: ([x], attributes) => {
    const { rows, width } = matrixOf('meanRows', x);
    return [{ type: 'f32', shape: [meanSize(rows, attributes), width] }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'meanRows',
      operands: [x!, y],
      sizes: { columns: matrixOf('meanRows', lowering.typeOf(x!)).width, count: runLength(attributes) },
      attributes: {},
    },
  ],
  expand: ({ inputs: [x], attributes }, build, sizes) => {
    const [[rows, columns], count] = [shapeIn(build, x!), sizeOf(runLength(attributes), sizes)];
    // No rows have no runs, however long.
    const runs = reshaped(build, x!, [count === 0 ? 0 : rows / count, count, columns]);
    return [einsumOf(build, 'rtc->rc', [runs], { factor: count === 0 ? 1 : 1 / count })];
  },
  vjp: ({ inputs: [x], attributes }, [dy], build) => [
    (addend) => shareOf(build, build.node('meanRowsBackward', [dy!, x], attributes))(addend),
  ],
};

export const meanRowsBackward: Op = {
  name: 'meanRowsBackward',
  infer: ([, x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [dy], outputs: [dx], attributes }, lowering) => [
    {
      kernel: 'meanRowsBackward',
      operands: [dy!, dx],
      sizes: { columns: matrixOf('meanRowsBackward', lowering.typeOf(dx)).width, count: runLength(attributes) },
      attributes: {},
    },
  ],
};

/** Rows of a run: a number, or a sequence's tokens where `count` is absent. */
function runLength({ count }: Attributes): Size {
  return typeof count === 'number' ? count : { of: 'length', times: 1 };
}

function meanSize(rows: Size, { count }: Attributes): Size {
  return typeof count === 'number' ? timesSize(rows, 1, count) : { of: 'sequences', times: 1 };
}
