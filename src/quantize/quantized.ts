import type { BitPlan } from '../allocate/types.ts';
import { BitbudgetError } from '../core/errors.ts';
import { sitesOf } from '../model/sites.ts';
import type { ModelTensor, Network, Roundings } from '../model/types.ts';
import { decodeRows, format, rowBytes } from '../numeric/table.ts';
import { type BlockStore, plannedFormat, type Slice, slices } from './encode.ts';
import { matrices } from './sensitivity.ts';

/**
 * The model as a plan makes it: its matrices decode the store's blocks. Vectors are the original's.
 * @param only keeps the original of every matrix for which it is false, and rounds no edges and states; default none
 */
export function quantizedModel<N extends Network>(
  model: N,
  plan: BitPlan,
  store: BlockStore,
  only: (tensor: ModelTensor) => boolean = everything,
): N {
  const bySlice = Map.groupBy(slices(model, plan), ({ tensor }) => tensor.name);
  const tensors = new Map(model.tensors);
  for (const tensor of matrices(model).filter(only)) {
    const parts = bySlice.get(tensor.name)!;
    const isMixed = plan.experts?.[tensor.name] !== undefined;
    const made = isMixed
      ? mixedTensor(tensor, parts, store)
      : quantizedTensor(tensor, plannedFormat(plan, tensor), parts, store);
    tensors.set(tensor.name, made);
  }
  const { roundings: _, ...kept } = model;
  const made = { ...kept, tensors, roundings: only === everything ? roundingsOf(model, plan) : undefined };
  return { ...made, fingerprint: () => model.fingerprint(), close: async () => {} } as unknown as N;
}

/** What a plan rounds beside weights; undefined where it rounds nothing. */
export function roundingsOf(network: Network, { sites }: BitPlan): Roundings | undefined {
  const named = sitesOf(network).filter(({ id, kind }) => kind !== 'weight' && id in sites);
  return named.length === 0 ? undefined : new Map(named.map(({ id }) => [id, sites[id]]));
}

function everything(): boolean {
  return true;
}

/** Stacked matrices with formats of their own: read as values, since no format is that of all. */
function mixedTensor(tensor: ModelTensor, parts: readonly Slice[], store: BlockStore): ModelTensor {
  const [rows, columns] = tensor.shape;
  const load = async (start = 0, end = rows): Promise<Float32Array> => {
    const values = new Float32Array((end - start) * columns);
    for (const part of parts) {
      const [from, to] = [Math.max(start, part.startRow), Math.min(end, part.endRow)];
      if (from >= to) continue;
      const own = { ...tensor, shape: [part.endRow, columns] };
      const rounded = quantizedTensor(own, part.format, [part], store);
      values.set(await rounded.load(from, to), (from - start) * columns);
    }
    return values;
  };
  return { ...tensor, format: 'F32', load, loadBlocks: undefined };
}

function quantizedTensor(
  tensor: ModelTensor,
  formatName: string,
  parts: readonly Slice[],
  store: BlockStore,
): ModelTensor {
  const [rows, columns] = tensor.shape;
  const target = format(formatName);
  const stride = rowBytes(target, columns);
  const loadBlocks = async (start = 0, end = rows): Promise<Uint8Array> => {
    const blocks = new Uint8Array((end - start) * stride);
    for (const part of parts) {
      const from = Math.max(start, part.startRow);
      const to = Math.min(end, part.endRow);
      if (from >= to) continue;
      const stored = await store.get(part.key);
      if (stored === undefined)
        throw new BitbudgetError(`${tensor.name} rows ${from} to ${to} are not rounded yet; run quantize again`);
      blocks.set(
        stored.subarray((from - part.startRow) * stride, (to - part.startRow) * stride),
        (from - start) * stride,
      );
    }
    return blocks;
  };
  return {
    ...tensor,
    format: formatName,
    loadBlocks,
    load: async (start = 0, end = rows) => {
      const values = new Float32Array((end - start) * columns);
      decodeRows(target, await loadBlocks(start, end), columns, values);
      return values;
    },
  };
}
