import type { PackedMatrix } from './types.ts';

/** How tokens get their experts. */
export interface RouteShape {
  readonly experts: number;
  /** Experts of a token. */
  readonly k: number;
  /** What makes a weight of a logit: a softmax over all experts, or a sigmoid of each. */
  readonly gating: 'softmax' | 'sigmoid';
  /** Weights of a token are divided by their sum. */
  readonly normalize: boolean;
  /** What weights are multiplied with in the end. */
  readonly scale: number;
  /** Runs of experts of one length; a token's experts are of `usedGroups` of them: where the sum of the `groupBest` best is largest. */
  readonly groups: number;
  readonly usedGroups: number;
  readonly groupBest: number;
}

/**
 * Mixtures of experts, steps in a row: `route` picks k experts a token, `groupByExpert` brings the slots of all tokens
 * into the order of their experts, `gatherSlots` copies tokens into that order, grouped products multiply each run of
 * rows by its expert's matrix, and `combine` adds up every token's slots. Slot token·k + j is the token's j-th choice.
 */
export interface ExpertKernels {
  /**
   * The k largest of each token's logits [tokens, experts], largest first, of equal ones the lower index; NaN is least.
   * With a bias [experts] or groups, the largest of gate + bias. ids [tokens, k]; weights [tokens, k]: the gates of the
   * chosen, without the bias.
   */
  route(
    logits: Float32Array,
    bias: Float32Array | undefined,
    shape: RouteShape,
    ids: Int32Array,
    weights: Float32Array,
  ): void;
  /** dLogits (overwritten) from dWeights, for the choice in `ids`. */
  routeBackward(
    logits: Float32Array,
    ids: Int32Array,
    shape: RouteShape,
    dWeights: Float32Array,
    dLogits: Float32Array,
  ): void;
  /**
   * order [slots]: slots by rising expert, those of one expert as they were; offsets [experts + 1]: expert e has places
   * offsets[e] … offsets[e + 1] − 1 of it. Slots of no expert, id `experts`, stand behind the last.
   * @throws RangeError for an id outside 0 … experts
   */
  groupByExpert(ids: Int32Array, experts: number, order: Int32Array, offsets: Int32Array): void;
  /** y[i] = x[⌊order[i]/k⌋], rows of `columns`. */
  gatherSlots(x: Float32Array, order: Int32Array, k: number, y: Float32Array, columns: number): void;
  /** dx (overwritten): each token's slots of dy added up, j = 0 … k − 1. */
  gatherSlotsBackward(dy: Float32Array, order: Int32Array, k: number, dx: Float32Array, columns: number): void;
  /**
   * Rows offsets[e] … offsets[e + 1] − 1 of y[rows, n] = those of x[rows, k] · w_eᵀ, w [experts, n, k]: for each expert
   * the bits of `matmulNT`. An expert without rows costs nothing; rows behind the last offset are those of no expert: zeros.
   */
  groupedMatmulNT(x: Float32Array, w: Float32Array, offsets: Int32Array, y: Float32Array, n: number, k: number): void;
  /** The same of x · w_e, w [experts, k, n], as `matmulNN`: the gradient at the inputs of `groupedMatmulNT`(…, k, n). */
  groupedMatmulNN(x: Float32Array, w: Float32Array, offsets: Int32Array, y: Float32Array, n: number, k: number): void;
  /** The same of x · w_eᵀ from blocks, as `matmulPacked`; w has experts·n rows. */
  groupedPacked(x: Float32Array, w: PackedMatrix, offsets: Int32Array, y: Float32Array): void;
  /** out_t = Σ_j weights[t, j] · the row of y that slot t·k + j has, j = 0 … k − 1; y in the order of `order`. */
  combine(
    y: Float32Array,
    order: Int32Array,
    weights: Float32Array,
    out: Float32Array,
    k: number,
    columns: number,
  ): void;
  /** dY and dWeights (overwritten) from dOut. */
  combineBackward(
    y: Float32Array,
    order: Int32Array,
    weights: Float32Array,
    dOut: Float32Array,
    dY: Float32Array,
    dWeights: Float32Array,
    k: number,
    columns: number,
  ): void;
}
