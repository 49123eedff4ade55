import type { WindowShape } from './contract.ts';

/** Windows down and across an image. */
export function windowCounts({ height, width, kernel, stride, padding }: WindowShape): [number, number] {
  const count = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  return [count(height), count(width)];
}

/** Lengths of the arrays of a shape's kernels. */
export interface WindowLengths {
  readonly images: number;
  readonly patches: number;
  /** One value per window and channel. */
  readonly pooled: number;
}

/**
 * @throws RangeError when no window fits, or one may lie in the padding alone
 */
export function windowLengths(shape: WindowShape): WindowLengths {
  const { images, height, width, channels, kernel, stride, padding } = shape;
  const sides = `windows of ${kernel} by ${kernel} on images of ${height} by ${width}`;
  if (!(stride >= 1 && kernel >= 1)) throw new RangeError(`${sides}: side and stride must be 1 or more`);
  if (!(padding >= 0 && padding < kernel))
    throw new RangeError(`${sides}: padding of ${padding}, expected 0 to ${kernel - 1}`);
  if (Math.min(height, width) + 2 * padding < kernel) throw new RangeError(`${sides}: none fits`);
  const [down, across] = windowCounts(shape);
  const pooled = images * down * across * channels;
  return { images: images * height * width * channels, patches: pooled * kernel * kernel, pooled };
}
