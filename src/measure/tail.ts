import type { Graph } from '../graph/types.ts';
import type { SequenceRange } from '../run/segments.ts';
import type { Sequences } from '../run/sequences.ts';
import type { SequenceBatch } from './plan.ts';

/** Numbers of the output in memory at once. */
const OUTPUT_NUMBERS = 32 * 2 ** 20;

/** Some rows of the last segments that run together. */
export interface TailPart extends SequenceRange {
  /** Sequences that they belong to. */
  readonly owners: readonly number[];
}

export interface TailPieces {
  /** What the parts count in: the sequences given, or equal parts of them. */
  readonly sequences: Sequences;
  readonly pieces: readonly { readonly batch: SequenceBatch; readonly parts: readonly TailPart[] }[];
}

/**
 * Cuts batches so that the outputs of a part fit in memory: into whole sequences, or, where one is too much and rows are
 * independent of each other, into equal parts of sequences.
 */
export function tailPieces(
  sequences: Sequences,
  part: Graph,
  batches: readonly SequenceBatch[],
  rowwise: boolean,
): TailPieces {
  const { length } = sequences;
  const width = part.values[part.outputs[0]].shape[1] as number;
  const rows = Math.max(1, Math.floor(OUTPUT_NUMBERS / width));
  const cuts = rowwise ? smallestDivisor(length, rows) : 1;
  const together = Math.max(1, Math.floor((rows * cuts) / length));
  const pieces = batches.map((batch) => {
    const owners = batch.order.flatMap((sequence) => new Array<number>(cuts).fill(sequence));
    const start = batch.start * cuts;
    const parts = Array.from({ length: Math.ceil(owners.length / together) }, (_, i): TailPart => {
      const own = owners.slice(i * together, (i + 1) * together);
      return { start: start + i * together, order: own.map((__, k) => start + i * together + k), owners: own };
    });
    return { batch, parts };
  });
  return { sequences: cuts === 1 ? sequences : cutUp(sequences, cuts), pieces };
}

/** Parts of equal length that a sequence is cut into so that one has at most `rows` tokens. */
function smallestDivisor(length: number, rows: number): number {
  for (let parts = Math.max(1, Math.ceil(length / rows)); parts < length; parts++)
    if (length % parts === 0) return parts;
  return length;
}

/** Every sequence as `parts` shorter ones; they read nothing but what earlier segments made. */
function cutUp({ sequences, length }: Sequences, parts: number): Sequences {
  return {
    sequences: sequences * parts,
    length: length / parts,
    input: (name) => {
      throw new RangeError(`input ${name} is read by the last segments, which are cut within sequences`);
    },
  };
}
