import { aligned } from '../../graph/schedule.ts';
import { packedFormats, roundsActivations } from '../../kernels/packedFormats.ts';
import { encodeScratch } from '../../kernels/wasm/encode-scratch.ts';
import { programScratch } from '../../kernels/wasm/scratch.ts';
import { SCRATCH_BYTES } from '../../kernels/wasm/team.ts';
import { cacheBytes } from '../../model/cache-formats.ts';
import { bitsOf } from '../../model/edge-options.ts';
import { isMatrix } from '../../model/matrices.ts';
import { type Site, sitesOf } from '../../model/sites.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { format, rowBytes } from '../../numeric/table.ts';
import { encoderBytes, sessionBytes } from '../../run/predict.ts';
import { promptChunk } from '../../run/session.ts';
import { type Choice, costOf, heldContext, type Resource, type Setting } from './types.ts';

/**
 * Most bytes of the kernels' memory that `bitbudget run` takes while it reads a prompt that fills its context, or
 * `embed` while it reads such a text: what the
 * schedule of the planned model says, to the byte. Weights are held packed where kernels compute from their blocks, else as
 * float32. JavaScript's own memory (Node, the tokenizer, one matrix while it is loaded) comes on top.
 *
 * A sum over sites is what solvers need, and the largest call is none. So `fixed` is what is taken beside weights and states
 * by the choice that takes the most; `taken` is what a plan takes.
 */
export function memory(setting: Setting): Resource {
  const { model, threads = 1 } = setting;
  const count = model.config.embedding === undefined ? sessionBytes : encoderBytes;
  const contextLength = heldContext(setting);
  const cost = costOf({
    weight: ({ rows, columns }, name) => aligned(heldBytes(name, rows, columns)),
    state: ({ columns }, name) => aligned(cacheBytes(columns, name, contextLength)),
  });
  const taken = (chosen: readonly Choice[]): number => {
    const bytes = count(
      { supportsPacked: (name) => packedFormats.includes(name) },
      planned(model, chosen),
      { contextLength },
      (program, sizes) => programScratch(program, sizes, threads),
    );
    return bytes + threads * SCRATCH_BYTES;
  };
  const largest = largestChoice(setting, Math.min(promptChunk, contextLength));
  return { name: 'memory', fixed: Math.max(0, taken(largest) - cost(largest)), cost, taken };
}

/** Bytes of a matrix in memory. */
function heldBytes(name: string, rows: number, columns: number): number {
  return packedFormats.includes(name) ? rows * rowBytes(format(name), columns) : 4 * rows * columns;
}

/** Of every site the option that takes the most beside the site itself: rounded inputs, and states that are encoded. */
function largestChoice({ model, table, running = [] }: Setting, rows: number): Choice[] {
  const options = new Map([
    ...table.tensors.map(({ tensor, prices }) => [tensor, prices.map((price) => price.format)] as const),
    ...running.map(({ site, prices }) => [site, prices.map(({ option }) => option)] as const),
  ]);
  const rank = ({ kind, columns }: Site, option: string): number => {
    if (kind === 'edge') return -bitsOf(option, 'memory');
    if (kind === 'state') return option === 'F32' ? 0 : 1 + encodeScratch(option, rows, columns);
    return roundsActivations(option) ? 1 : 0;
  };
  return sitesOf(model).flatMap((site): Choice[] => {
    const [first, ...others] = options.get(site.id) ?? [];
    if (first === undefined) return [];
    return [{ site, option: others.reduce((a, b) => (rank(site, b) > rank(site, a) ? b : a), first) }];
  });
}

/** The model as its file would be: what is not chosen is float32. Nothing of it can be read. */
function planned(model: Model, chosen: readonly Choice[]): Model {
  const formats = new Map(chosen.map(({ site, option }) => [site.id, option]));
  const running = chosen.filter(({ site }) => site.kind !== 'weight');
  const tensors = [...model.tensors.values()].map((tensor): [string, ModelTensor] => [
    tensor.name,
    { ...tensor, format: isMatrix(tensor) ? (formats.get(tensor.name) ?? tensor.format) : 'F32', loadBlocks },
  ]);
  const roundings = new Map(running.map(({ site, option }) => [site.id, option]));
  return { ...model, tensors: new Map(tensors), roundings };
}

function loadBlocks(): never {
  throw new RangeError('a model that is only counted has no blocks');
}
