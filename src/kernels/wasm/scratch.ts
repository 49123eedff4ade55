import { roundsActivations } from '../packedFormats.ts';
import { bytesOfType, type Call, countOf, type Program, type Sizes, sizeOf } from '../program.ts';
import { ALIGNMENT } from './allocator.ts';
import { backwardTiles, scratchOf } from './attention.ts';
import { encodeScratch } from './encode-scratch.ts';
import { roundedRunBytes } from './experts.ts';
import { packedScratch } from './packed.ts';
import { attentionRows, backwardRows } from './sequences.ts';

/** A call at some sizes, for what it takes beside its operands. */
interface Sized {
  readonly call: Call;
  readonly sizes: Sizes;
  readonly threads: number;
  /** Numbers of an operand. */
  count(operand: number): number;
  /** One of the call's own sizes. */
  own(name: string): number;
  /** Columns of a weight. */
  columns(operand: number): number;
}

const DOUBLE = bytesOfType.f64;
/** Numbers that a sketch has of every sequence. */
const SKETCH_NUMBERS = 4;

/** Bytes of each allocation that a kernel makes while it runs; kernels that are not here make none. */
const allocations: Readonly<Record<string, (sized: Sized) => number[]>> = {
  attention: (sized) => [scratchOf(attentionShape(sized), sized.threads)],
  attentionBackward: (sized) => {
    const shape = attentionShape(sized);
    const tiles = backwardTiles(shape) * scratchOf(shape, sized.threads);
    const hasSinks = sized.call.operands.length > 7;
    return hasSinks ? [tiles, 4 * shape.sequences * shape.heads] : [tiles];
  },
  matmulPacked: ({ call, own, columns }) =>
    roundsActivations(call.attributes.format as string) ? [packedScratch(own('m'), columns(1))] : [],
  groupedPacked: ({ call, count, columns }) => {
    const k = columns(1);
    if (!roundsActivations(call.attributes.format as string)) return [];
    return [roundedRunBytes(count(0) / k, count(2) - 1, k)];
  },
  appendBlocks: ({ call, count, own }) => {
    const [width, rows] = [own('columns'), count(0) / own('columns')];
    // One row is encoded without kernels.
    return rows > 1 ? [encodeScratch(call.attributes.format as string, rows, width)] : [];
  },
  roundRows: ({ call, count, own }) => {
    const width = own('columns');
    return [encodeScratch(call.attributes.format as string, count(0) / width, width)];
  },
  linearAttention: ({ call, threads }) => [
    call.operands.length > STATELESS ? 0 : attentionRows(recurrenceShape(call), threads),
  ],
  linearAttentionBackward: ({ call, sizes: { length }, threads }) => [
    backwardRows({ ...recurrenceShape(call), length }, threads),
  ],
  gatherSlotsBackward: ({ count }) => [4 * count(1)],
  combine: ({ count }) => [4 * count(1)],
  sampledScore: ({ count }) => [4 * count(1)],
  sketch: (sized) => {
    const { sequences, tokens, rows } = sketchShape(sized);
    return [sequences * rows * DOUBLE, tokens * DOUBLE];
  },
  outputSketch: (sized) => [3 * sketchShape(sized).tokens * DOUBLE],
};

/** Operands of `linearAttention` without a state. */
const STATELESS = 6;

function recurrenceShape({ attributes }: Call): { keyDim: number } {
  return attributes as unknown as { keyDim: number };
}

/** Changed rows of a layer, the tokens that they work on, and the sequences of those. */
function sketchShape({ count, own }: Sized): { rows: number; tokens: number; sequences: number } {
  const tokens = count(1) / own('width');
  return { tokens, rows: count(0) / tokens, sequences: count(2) / SKETCH_NUMBERS };
}

function attentionShape({ call, sizes: { sequences, length, past = 0 } }: Sized) {
  const { heads, kvHeads, headDim, window, chunk, softcap, causal } = call.attributes as Record<string, number | null>;
  return {
    ...{ sequences, length, past, capacity: past + length },
    ...{ heads: heads!, kvHeads: kvHeads!, headDim: headDim! },
    ...{ window: window ?? undefined, chunk: chunk ?? undefined, softcap: softcap ?? undefined },
    causal: (causal as unknown) !== false,
  };
}

/**
 * Most bytes that one call of a program takes while it runs, beside its operands, on so many threads. Products of experts
 * take the most where every slot has an expert.
 */
export function programScratch({ calls, places }: Program, sizes: Sizes, threads: number): number {
  let most = 0;
  for (const call of calls) {
    const place = (operand: number) => places[call.operands[operand]];
    const bytes = allocations[call.kernel]?.({
      ...{ call, sizes, threads },
      count: (operand) => countOf(place(operand).shape, sizes),
      own: (name) => sizeOf(call.sizes[name], sizes),
      columns: (operand) => place(operand).shape[1] as number,
    });
    const total = bytes?.reduce((sum, each) => sum + Math.max(1, Math.ceil(each / ALIGNMENT)) * ALIGNMENT, 0);
    most = Math.max(most, total ?? 0);
  }
  return most;
}
