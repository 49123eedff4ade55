import type { ImageKernels } from '../contract/images.ts';
import type { WindowShape } from '../contract.ts';
import { windowCounts, windowLengths } from '../windows.ts';
import { requireLength } from './matmul.ts';
import type { Team } from './team.ts';

/** Comparing for the place of a largest value, value by value, in multiply-adds. */
const PER_PLACE = 4;

export function imageKernels(team: Team): ImageKernels {
  const at = team.address;
  const numbers = (shape: WindowShape) => {
    const { images, height, width, channels, kernel, stride, padding } = shape;
    return [images, height, width, channels, kernel, stride, padding, ...windowCounts(shape)];
  };
  return {
    unfold: (x, y, shape) => {
      const { images, patches } = windowLengths(shape);
      requireLength('x', x, images);
      requireLength('y', y, patches);
      team.dispatch('unfold', [at(x), at(y), ...numbers(shape)], patches);
    },
    fold: (y, x, shape) => {
      const { images, patches } = windowLengths(shape);
      requireLength('y', y, patches);
      requireLength('x', x, images);
      team.dispatch('fold', [at(y), at(x), ...numbers(shape)], patches);
    },
    maxPool: (x, y, shape) => {
      const { images, patches, pooled } = windowLengths(shape);
      requireLength('x', x, images);
      requireLength('y', y, pooled);
      team.dispatch('maxPool', [at(x), at(y), ...numbers(shape)], patches);
    },
    maxPoolBackward: (x, dy, dx, shape) => {
      const { images, patches, pooled } = windowLengths(shape);
      for (const array of [x, dx]) requireLength('of maxPoolBackward', array, images);
      requireLength('dy', dy, pooled);
      team.dispatch('maxPoolBackward', [at(x), at(dy), at(dx), ...numbers(shape)], PER_PLACE * patches);
    },
  };
}
