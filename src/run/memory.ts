import type { Kernels } from '../kernels/contract.ts';
import { cacheBytes } from '../model/cache-formats.ts';
import type { ModelConfig } from '../model/types.ts';
import { allocateActivations } from './block.ts';
import { promptChunk } from './session.ts';

/*
 * What `createSession` holds in the kernels' memory beside its matrices, in bytes. The allocator rounds every array up, so
 * arrays are counted one by one.
 */

/** Arrays start at multiples of this many bytes. */
const ALIGNMENT = 64;

/** Bytes that an array takes. */
export function allocated(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
}

/** Keys and values of every block, float32. @param contextLength tokens that the cache can hold */
export function kvCacheBytes(config: ModelConfig, contextLength: number): number {
  return 2 * config.layers * allocated(cacheBytes(config, 'F32', contextLength));
}

/** Activations of one token and of a prompt's chunk, which is the most at a time; the table of RoPE; logits. */
export function activationBytes(config: ModelConfig, contextLength: number): number {
  const chunk = Math.min(promptChunk, contextLength);
  const ropeTable = allocated(4 * contextLength * config.rope.dimensions);
  return workspaceBytes(config, 1) + workspaceBytes(config, chunk) + ropeTable + allocated(4 * config.vocabulary);
}

/** Ids, positions and residual stream of tokens that run together, and a block's activations. */
function workspaceBytes(config: ModelConfig, tokens: number): number {
  let bytes = 2 * allocated(4 * tokens) + allocated(4 * tokens * config.hidden);
  const counting: Pick<Kernels, 'f32'> = {
    f32: (length) => {
      bytes += allocated(4 * length);
      return new Float32Array(0);
    },
  };
  allocateActivations(counting, config, tokens);
  return bytes;
}
