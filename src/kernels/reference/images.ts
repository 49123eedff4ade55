import type { ImageKernels } from '../contract/images.ts';
import type { WindowShape } from '../contract.ts';
import { windowCounts } from '../windows.ts';

/** Calls with every place of every window: its number among all places, and its pixel, −1 in the padding. */
function forEachPlace(shape: WindowShape, visit: (place: number, pixel: number, window: number) => void): void {
  const { images, height, width, kernel, stride, padding } = shape;
  const [down, across] = windowCounts(shape);
  let place = 0;
  for (let window = 0; window < images * down * across; window++) {
    const image = Math.floor(window / (down * across));
    const top = (Math.floor(window / across) % down) * stride - padding;
    const left = (window % across) * stride - padding;
    for (let y = top; y < top + kernel; y++) {
      for (let x = left; x < left + kernel; x++) {
        const inside = y >= 0 && y < height && x >= 0 && x < width;
        visit(place++, inside ? (image * height + y) * width + x : -1, window);
      }
    }
  }
}

/** Pixel of the largest value of every window and channel: the first, or the first NaN. */
function largestPixels(x: Float32Array, shape: WindowShape, length: number): Int32Array {
  const { channels } = shape;
  const pixels = new Int32Array(length).fill(-1);
  forEachPlace(shape, (_, pixel, window) => {
    for (let c = 0; c < channels && pixel >= 0; c++) {
      const at = window * channels + c;
      const value = x[pixel * channels + c];
      const best = pixels[at] < 0 ? -Infinity : x[pixels[at] * channels + c];
      const isLarger = value > best || (Number.isNaN(value) && !Number.isNaN(best));
      if (pixels[at] < 0 || isLarger) pixels[at] = pixel;
    }
  });
  return pixels;
}

export const imageKernels: ImageKernels = {
  unfold: (x, y, shape) => {
    const { channels } = shape;
    forEachPlace(shape, (place, pixel) => {
      for (let c = 0; c < channels; c++) y[place * channels + c] = pixel < 0 ? 0 : x[pixel * channels + c];
    });
  },

  fold: (y, x, shape) => {
    const { channels } = shape;
    const sums = new Float64Array(x.length);
    forEachPlace(shape, (place, pixel) => {
      for (let c = 0; c < channels && pixel >= 0; c++) sums[pixel * channels + c] += y[place * channels + c];
    });
    x.set(sums);
  },

  maxPool: (x, y, shape) => {
    const { channels } = shape;
    largestPixels(x, shape, y.length).forEach((pixel, at) => {
      y[at] = x[pixel * channels + (at % channels)];
    });
  },

  maxPoolBackward: (x, dy, dx, shape) => {
    const { channels } = shape;
    const sums = new Float64Array(dx.length);
    largestPixels(x, shape, dy.length).forEach((pixel, at) => {
      sums[pixel * channels + (at % channels)] += dy[at];
    });
    dx.set(sums);
  },
};
