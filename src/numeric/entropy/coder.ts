import { assignClasses, pairCounts } from './classes.ts';
import { decodeSegments, encodeSegments } from './rans.ts';
import type { EntropyCoder } from './types.ts';
import { joinUnits, splitUnits } from './units.ts';

/** Coding as this room defines it. */
export const plainCoder: EntropyCoder = {
  pairCounts,
  assignClasses,
  encodeSegments,
  decodeSegments,
  splitUnits,
  joinUnits,
};
