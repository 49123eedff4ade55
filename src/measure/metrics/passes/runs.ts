import type { Layer } from './layers.ts';

/** Rows of a layer that belong together: one sequence's, of stacked matrices those that one of them worked on. */
export interface Run {
  /** Place of the sequence among the layer's. */
  readonly place: number;
  readonly sequence: number;
  /** 0 for a matrix by itself. */
  readonly expert: number;
  /** Rows [from, to). */
  readonly from: number;
  readonly to: number;
}

/** All runs that have rows, sequence by sequence. Rows of an expert stand in the order of tokens, so its runs are whole. */
export function runsOf({ order, length, slots }: Pick<Layer, 'order' | 'length' | 'slots'>): Run[] {
  if (slots === undefined)
    return order.map((sequence, place) => ({
      ...{ place, sequence, expert: 0 },
      ...{ from: place * length, to: (place + 1) * length },
    }));
  const runs: Run[] = [];
  const perSequence = slots.used * length;
  for (let expert = 0; expert + 1 < slots.offsets.length; expert++) {
    const end = slots.offsets[expert + 1];
    for (let from = slots.offsets[expert]; from < end; ) {
      const place = Math.floor(slots.order[from] / perSequence);
      let to = from;
      while (to < end && Math.floor(slots.order[to] / perSequence) === place) to++;
      runs.push({ place, sequence: order[place], expert, from, to });
      from = to;
    }
  }
  return runs.sort((a, b) => a.place - b.place || a.expert - b.expert);
}

/** The token of a row, counted over all sequences of the layer. */
export function tokenOf({ slots }: Pick<Layer, 'slots'>, row: number): number {
  return slots === undefined ? row : Math.floor(slots.order[row] / slots.used);
}
