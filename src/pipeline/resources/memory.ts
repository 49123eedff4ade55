import { aligned } from '../../graph/schedule.ts';
import { cacheStates, replacedStates } from '../../graph/states.ts';
import { packedFormats, roundsActivations } from '../../kernels/packedFormats.ts';
import { attentionScratch } from '../../kernels/wasm/attention.ts';
import { roundedActivationBytes } from '../../kernels/wasm/packed.ts';
import { SCRATCH_BYTES } from '../../kernels/wasm/team.ts';
import { cacheBytes } from '../../model/cache-formats.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { activationBytes, promptChunk } from '../../run/session.ts';
import { choosesStates, costOf, heldContext, type Resource, type Setting } from './types.ts';

/**
 * Most bytes of the kernels' memory that `bitbudget run` takes at a context length: matrices as they are held (packed,
 * or float32 where no kernel computes from their blocks), KV cache, activations and scratch. JavaScript's own memory
 * (Node, the tokenizer, one matrix while it is loaded) comes on top.
 *
 * Exact when a matrix with the longest rows is met with rounded activations, else too high by their scratch.
 */
export function memory(setting: Setting): Resource {
  const { model, table, threads = 1 } = setting;
  const states = cacheStates(model.graph);
  const length = heldContext(setting);
  const chosen = new Set(table.tensors.map(({ tensor }) => tensor));
  const kept = [...model.tensors.values()].filter(({ name, role }) => !chosen.has(name) && !role.startsWith('rope_f'));
  const vectors = kept.reduce((sum, { shape }) => sum + aligned(4 * shape.reduce((a, b) => a * b, 1)), 0);
  const chunk = Math.min(promptChunk, length);
  const rounded = table.tensors
    .filter(({ prices }) => prices.some((price) => roundsActivations(price.format)))
    .map(({ columns }) => aligned(roundedActivationBytes(chunk, columns)));
  const scratch = Math.max(aligned(attentionScratch(threads, length)), ...rounded);
  // A packed cache is read through one tile of floats for keys and one for values, of every width.
  const tiles = [...new Map(states.map((state) => [`${state.kind} ${state.width}`, state])).values()];
  const floats = choosesStates(setting) ? tiles : states;
  const cacheFixed = floats.reduce((sum, { width }) => sum + aligned(cacheBytes(width, 'F32', length)), 0);
  const replaced = replacedStates(model.graph).reduce(
    (sum, { shape }) => sum + aligned(4 * shape.reduce((a, b) => a * b, 1)),
    0,
  );
  return {
    name: 'memory',
    fixed: vectors + cacheFixed + replaced + activationBytes(model, length) + scratch + threads * SCRATCH_BYTES,
    cost: costOf({
      weight: ({ rows, columns }, name) => aligned(heldBytes(name, rows, columns)),
      state: ({ columns }, name) => aligned(cacheBytes(columns, name, length)),
    }),
  };
}

/** Bytes of a matrix in memory. */
function heldBytes(name: string, rows: number, columns: number): number {
  return packedFormats.includes(name) ? rows * rowBytes(format(name), columns) : 4 * rows * columns;
}
