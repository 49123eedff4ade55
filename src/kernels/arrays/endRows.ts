/* Copies of sequences' ends: memory moves at its own speed here, and other devices would not be faster. */

/** Sequences of rows that stand one after the other. */
export interface Ends {
  readonly length: number;
  readonly columns: number;
  /** Their last rows; else their first ones. */
  readonly last: boolean;
}

const endOf = (sequence: number, { length, columns, last }: Ends): number =>
  (sequence * length + (last ? length - 1 : 0)) * columns;

/** y[sequences, columns] = the end of every sequence of x[sequences·length, columns]. */
export function takeEnds(x: Float32Array, y: Float32Array, sequences: number, ends: Ends): void {
  const { columns } = ends;
  for (let sequence = 0; sequence < sequences; sequence++) {
    const from = endOf(sequence, ends);
    y.set(x.subarray(from, from + columns), sequence * columns);
  }
}

/** x[sequences·length, columns] with these ends, zeros elsewhere. */
export function placeEnds(y: Float32Array, x: Float32Array, sequences: number, ends: Ends): void {
  const { columns } = ends;
  x.fill(0);
  for (let sequence = 0; sequence < sequences; sequence++)
    x.set(y.subarray(sequence * columns, (sequence + 1) * columns), endOf(sequence, ends));
}
