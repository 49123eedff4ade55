import { packedFormats, roundsActivations } from '../../kernels/packedFormats.ts';
import { attentionScratch } from '../../kernels/wasm/attention.ts';
import { roundedActivationBytes } from '../../kernels/wasm/packed.ts';
import { SCRATCH_BYTES } from '../../kernels/wasm/team.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { activationBytes, allocated, kvCacheBytes } from '../../run/memory.ts';
import { promptChunk } from '../../run/session.ts';
import type { Resource, Setting } from './types.ts';

/** Context that a plan's memory is told for, where none is given: that of `run`. */
const CONTEXT = 4096;

/**
 * Most bytes of the kernels' memory that `bitbudget run` takes at a context length: matrices as they are held (packed,
 * or float32 where no kernel computes from their blocks), KV cache, activations and scratch. JavaScript's own memory
 * (Node, the tokenizer, one matrix while it is loaded) comes on top.
 *
 * Exact when a matrix with the longest rows is met with rounded activations, else too high by their scratch.
 */
export function memory({ model, table, context, threads = 1 }: Setting): Resource {
  const { config } = model;
  const length = context ?? Math.min(config.contextLength, CONTEXT);
  const chosen = new Set(table.tensors.map(({ tensor }) => tensor));
  const kept = [...model.tensors.values()].filter(({ name, role }) => !chosen.has(name) && role !== 'rope_freqs');
  const vectors = kept.reduce((sum, { shape }) => sum + allocated(4 * shape.reduce((a, b) => a * b, 1)), 0);
  const chunk = Math.min(promptChunk, length);
  const rounded = table.tensors
    .filter(({ prices }) => prices.some((price) => roundsActivations(price.format)))
    .map(({ columns }) => allocated(roundedActivationBytes(chunk, columns)));
  const scratch = Math.max(allocated(attentionScratch(threads, length)), ...rounded);
  return {
    name: 'memory',
    fixed: vectors + kvCacheBytes(config, length) + activationBytes(config, length) + scratch + threads * SCRATCH_BYTES,
    cost: ({ rows, columns }, name) => allocated(heldBytes(name, rows, columns)),
  };
}

/** Bytes of a matrix in memory. */
function heldBytes(name: string, rows: number, columns: number): number {
  return packedFormats.includes(name) ? rows * rowBytes(format(name), columns) : 4 * rows * columns;
}
