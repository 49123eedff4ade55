import { plainBackend } from '../../numeric/backend.ts';
import { onArrays } from '../arrays/device.ts';
import type { Kernels } from '../contract.ts';
import { attentionKernels } from './attention.ts';
import { decodeKernels } from './decode.ts';
import { elementKernels } from './elements.ts';
import { expertKernels } from './experts.ts';
import { feedbackKernels } from './feedback.ts';
import { imageKernels } from './images.ts';
import { logitKernels } from './logits.ts';
import { matmulKernels } from './matmul.ts';
import { memoryKernels } from './memory.ts';
import { networkKernels } from './network.ts';
import { packedKernels } from './packed.ts';
import { sequenceKernels } from './sequences.ts';
import { sumKernels } from './sums.ts';

/** The definition of every operation: plain loops, sums in float64, arrays of the garbage collector. */
export function createReferenceKernels(): Kernels {
  return onArrays({
    name: 'reference',
    threads: 1,
    ...memoryKernels,
    ...matmulKernels,
    ...packedKernels,
    ...decodeKernels,
    ...networkKernels,
    ...elementKernels,
    ...expertKernels,
    ...imageKernels,
    ...sequenceKernels,
    ...sumKernels,
    ...attentionKernels,
    ...logitKernels,
    ...feedbackKernels,
    ...plainBackend,
  });
}
