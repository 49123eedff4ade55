/** A plan of one model of a family, comparable with those of the others. */
export interface FamilyPoint {
  /** Name of the model. */
  readonly model: string;
  readonly fileBytes: number;
  readonly bitsPerWeight: number;
  /** Share of the model's weights in low precision. */
  readonly quantizationRatio: number;
  /** Predicted KL against the member's own original, nats per token, and what it lies in nine of ten times. */
  readonly kl?: number;
  readonly klInterval?: { readonly low: number; readonly high: number };
  /** Whether the prediction was corrected by evaluations that are known of this model. */
  readonly corrected?: boolean;
  /** Predicted cross-entropy on held-out text, bits per byte of text: the original's, and the predicted KL. */
  readonly loss: number;
  /** Standard error of the predicted KL in it. */
  readonly lossError: number;
}

/**
 * The joint frontier: of all models' points in order of size, those that lose less than every smaller one.
 * @see Dettmers and Zettlemoyer, "The case for 4-bit precision", ICML 2023: loss over total model bits
 */
export function jointFrontier(points: readonly FamilyPoint[]): FamilyPoint[] {
  const ascending = [...points].sort((a, b) => a.fileBytes - b.fileBytes || a.loss - b.loss);
  let least = Infinity;
  return ascending.filter(({ loss }) => {
    if (loss >= least) return false;
    least = loss;
    return true;
  });
}
