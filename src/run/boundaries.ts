import type { ValueId } from '../graph/types.ts';

/** Above this size, what lives between segments goes to a file (boundaries.node.ts). */
export const SPILL_BYTES = 2 * 2 ** 30;

/** Values that live on between segments, of all sequences, wherever they are kept. Places count in numbers, from 0. */
export interface BoundaryStore {
  write(value: ValueId, at: number, numbers: Float32Array): void;
  /** Fills `into` from a place on. @throws RangeError for a value that was never written, where the store can tell */
  read(value: ValueId, at: number, into: Float32Array): void;
  /** The value will not be read any more. */
  drop(value: ValueId): void;
  close(): void;
}

/** Numbers of each value that is kept. */
export type BoundaryShape = ReadonlyMap<ValueId, number>;

/** Bytes of all of them. */
export function boundaryBytes(shape: BoundaryShape): number {
  return 4 * [...shape.values()].reduce((sum, count) => sum + count, 0);
}

/** A store in which values that are never needed together share a place. @param placeOf the value whose place one takes */
export function sharedPlaces(
  shape: BoundaryShape,
  placeOf: (value: ValueId) => ValueId,
  open: (shape: BoundaryShape) => BoundaryStore,
): BoundaryStore {
  const store = open(new Map([...shape].filter(([value]) => placeOf(value) === value)));
  return {
    write: (value, at, numbers) => store.write(placeOf(value), at, numbers),
    read: (value, at, into) => store.read(placeOf(value), at, into),
    drop: (value) => {
      if (placeOf(value) === value) store.drop(value);
    },
    close: () => store.close(),
  };
}

export function memoryBoundaries(shape: BoundaryShape): BoundaryStore {
  const kept = new Map<ValueId, Float32Array>();
  return {
    write: (value, at, numbers) => {
      const found = kept.get(value) ?? new Float32Array(shape.get(value) ?? 0);
      kept.set(value, found);
      found.set(numbers, at);
    },
    read: (value, at, into) => {
      const found = kept.get(value);
      if (found === undefined) throw new RangeError(`value ${value} is not kept: it was not written yet, or dropped`);
      into.set(found.subarray(at, at + into.length));
    },
    drop: (value) => void kept.delete(value),
    close: () => kept.clear(),
  };
}
