/** Above this size the residual stream goes to a file (spill.node.ts). */
export const SPILL_BYTES = 2 * 2 ** 30;

/** The residual stream [tokens, width] at every block boundary of a model, wherever it is kept. */
export interface ResidualStore {
  write(boundary: number, token: number, values: Float32Array): void;
  /** Fills `values` from `token` on. */
  read(boundary: number, token: number, values: Float32Array): void;
  /** The boundary will not be read any more. */
  drop(boundary: number): void;
  close(): void;
}

export interface ResidualShape {
  readonly boundaries: number;
  readonly tokens: number;
  readonly width: number;
}

export function memoryResiduals(shape: ResidualShape): ResidualStore {
  const kept = new Map<number, Float32Array>();
  const at = (boundary: number): Float32Array => {
    const found = kept.get(boundary) ?? new Float32Array(shape.tokens * shape.width);
    kept.set(boundary, found);
    return found;
  };
  return {
    write: (boundary, token, values) => at(boundary).set(values, token * shape.width),
    read: (boundary, token, values) => {
      const from = token * shape.width;
      values.set(at(boundary).subarray(from, from + values.length));
    },
    drop: (boundary) => void kept.delete(boundary),
    close: () => kept.clear(),
  };
}
