import type { Graph, Sizes, ValueId } from '../graph/types.ts';
import { countOf } from '../kernels/program.ts';

/** What a network reads, sequence by sequence; an image is a sequence of one. */
export interface Sequences {
  readonly sequences: number;
  /** Tokens of each. */
  readonly length: number;
  /** Values of an input for some sequences, by their numbers. @throws RangeError for an input that is not given */
  input(name: string, order: readonly number[]): Float32Array | Int32Array;
}

/** Token ids of independent sequences of one length. */
export interface TokenBatch {
  readonly sequences: number;
  readonly length: number;
  /** [sequences, length] */
  readonly ids: Int32Array;
  /** Twice as much of the same text, for what these hardly reach; absent where there is no more. */
  readonly more?: () => TokenBatch;
}

/** Text as a model reads it: `tokens`, `positions`, and `types`, which are 0 where a text stands by itself. */
export function textSequences({ sequences, length, ids }: TokenBatch): Sequences {
  return {
    sequences,
    length,
    input: (name, order) => {
      const values = new Int32Array(order.length * length);
      if (name === 'positions') return values.map((_, i) => i % length);
      if (name === 'types') return values;
      if (name !== 'tokens') throw new RangeError(`input ${name} is not part of a text`);
      for (const [i, sequence] of order.entries())
        values.set(ids.subarray(sequence * length, (sequence + 1) * length), i * length);
      return values;
    },
  };
}

/** Sizes of some sequences that run together. */
export function sizesOf({ length }: Pick<Sequences, 'length'>, sequences: number): Sizes {
  return { sequences, length, tokens: sequences * length, past: 0 };
}

/** Numbers that a value has per sequence. */
export function numbersPerSequence(graph: Graph, value: ValueId, { length }: Pick<Sequences, 'length'>): number {
  return countOf(graph.values[value].shape, sizesOf({ length }, 1));
}
