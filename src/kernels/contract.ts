import type { EncodeBackend } from '../numeric/backend.ts';
import type { NumberFormat, TensorFormat } from '../numeric/types.ts';
import type { ElementKernels } from './contract/elements.ts';
import type { ExpertKernels } from './contract/experts.ts';
import type { ImageKernels } from './contract/images.ts';
import type { SequenceKernels } from './contract/sequences.ts';
import type { SumKernels } from './contract/sums.ts';
import type { AttentionShape, LogitComparison, PackedMatrix, RopeShape, RoundBlockTask } from './contract/types.ts';
import type { Device } from './device.ts';

export type * from './contract/types.ts';

/**
 * The operations every device offers, under one name each. All matrices are row-major float32; every array passed in
 * lives in the backend's memory (`alloc`). Calls are synchronous: a backend with threads blocks until all are done, so
 * in a browser it lives in a worker. `kernels/reference` is the definition; other backends are compared with it.
 */
export interface Kernels
  extends EncodeBackend,
    ElementKernels,
    ExpertKernels,
    ImageKernels,
    SequenceKernels,
    SumKernels {
  readonly name: string;
  /** Threads that share the work, the calling one included. */
  readonly threads: number;
  /** Where programs run. These kernels' own arrays by default; another one may be put in its place. */
  readonly device: Device;

  // ── memory ──────────────────────────────────────────────────────────────
  /** Zeroed array of `length` values, 64-byte aligned. Throws RangeError when memory is exhausted. */
  f32(length: number): Float32Array;
  f64(length: number): Float64Array;
  i32(length: number): Int32Array;
  u8(length: number): Uint8Array;
  /** Copies into the backend's memory. */
  upload(values: Float32Array): Float32Array;
  /** Gives memory back; the arrays must not be used afterwards. */
  free(...arrays: (Float32Array | Float64Array | Int32Array | Uint8Array)[]): void;
  /** Runs `work` and frees everything allocated inside it, nested scopes included. Do not keep its arrays. */
  scope<T>(work: () => T): T;
  /** Bytes in use now and at the highest. */
  memory(): { used: number; peak: number };
  /** Ends the threads. */
  close(): void;

  // ── matrix products, float32 ────────────────────────────────────────────
  /** y[m,n] (+)= x[m,k] · w[n,k]ᵀ — a linear layer. */
  matmulNT(
    x: Float32Array,
    w: Float32Array,
    y: Float32Array,
    m: number,
    n: number,
    k: number,
    accumulate?: boolean,
  ): void;
  /** y[m,n] (+)= x[m,k] · w[k,n] — its gradient with respect to the input. */
  matmulNN(
    x: Float32Array,
    w: Float32Array,
    y: Float32Array,
    m: number,
    n: number,
    k: number,
    accumulate?: boolean,
  ): void;
  /** y[m,n] (+)= x[k,m]ᵀ · w[k,n] — its gradient with respect to the weights. */
  matmulTN(
    x: Float32Array,
    w: Float32Array,
    y: Float32Array,
    m: number,
    n: number,
    k: number,
    accumulate?: boolean,
  ): void;
  /** a[n,n] += Σ_t weight_t · x_t·x_tᵀ over rows of x[t,n]; weights default 1. Both triangles are written. */
  gram(x: Float32Array, weight: Float32Array | undefined, a: Float32Array, t: number, n: number): void;

  // ── packed weights ──────────────────────────────────────────────────────
  /** Whether `matmulPacked` computes this format straight from its blocks. */
  supportsPacked(format: string): boolean;
  /** y[m,n] = x[m,k] · wᵀ from blocks; activations are rounded to int8 per 32 values except for F32/F16/BF16. */
  matmulPacked(x: Float32Array, w: PackedMatrix, y: Float32Array, m: number): void;
  /** Rows `ids` of w as float32: y[ids.length, columns] — the embedding look-up. */
  gatherRows(w: PackedMatrix, ids: Int32Array, y: Float32Array): void;

  // ── decoding ────────────────────────────────────────────────────────────
  /** Whether `decode` has a kernel for the format; it runs the format's own decoder elsewhere. */
  decodes(format: NumberFormat | TensorFormat): boolean;
  /**
   * Bytes of a tensor [rows, columns] → float32, bit for bit what the format's own decoder gives (any NaN for NaN).
   * @throws RangeError when the arrays do not have the lengths that the format asks for
   */
  decode(format: NumberFormat | TensorFormat, bytes: Uint8Array, columns: number, values: Float32Array): void;

  // ── network operations; Backward is the vector–Jacobian product ─────────
  /** y_t = x_t / rms(x_t) · gain, rows of `n`. */
  rmsNorm(x: Float32Array, gain: Float32Array, y: Float32Array, n: number, epsilon: number): void;
  /** dx (overwritten) from dy. */
  rmsNormBackward(
    x: Float32Array,
    gain: Float32Array,
    dy: Float32Array,
    dx: Float32Array,
    n: number,
    epsilon: number,
  ): void;
  /**
   * Rotates x[tokens, heads, headDim] in place. `table` [positions, dimensions/2, 2] holds cos, sin (scaling included);
   * `positions` [tokens]. `inverse` rotates back: the Jacobian's transpose.
   */
  rope(x: Float32Array, positions: Int32Array, table: Float32Array, shape: RopeShape, inverse?: boolean): void;
  /** y += x. */
  add(y: Float32Array, x: Float32Array): void;
  /** Adds bias[n] to every row of y. */
  addBias(y: Float32Array, bias: Float32Array): void;
  /**
   * Grouped-query attention of `sequences` independent sequences of `length` new tokens each.
   * q, out [sequences·length, heads·headDim]; k, v [sequences, capacity, kvHeads·headDim] hold `past + length` tokens.
   * Which keys a query sees, and what becomes of scores, the shape says. Keys outside a window are not read, but for
   * those that a neighbouring query of the same tile sees. A head's sink is a score (scaled and capped already) in the sum
   * of every softmax, of a key without a value.
   * @see Xiao et al., "Efficient streaming language models with attention sinks" (2023), section 3.1
   * @param sinks [heads]; default none
   */
  attention(
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    out: Float32Array,
    shape: AttentionShape,
    sinks?: Float32Array,
  ): void;
  /** Gradients (overwritten) of `attention` for past = 0 and capacity = length; probabilities are recomputed. */
  attentionBackward(
    q: Float32Array,
    k: Float32Array,
    v: Float32Array,
    dOut: Float32Array,
    dq: Float32Array,
    dk: Float32Array,
    dv: Float32Array,
    shape: AttentionShape,
    sinks?: { readonly values: Float32Array; readonly gradient: Float32Array },
  ): void;
  /** In place: rows of n logits → log-probabilities. */
  logSoftmax(x: Float32Array, n: number): void;
  /**
   * Sampled-label gradient at the logits. logits[rows, n] → g = onehot(ŷ) − p in place, with ŷ drawn by inverse CDF
   * from `uniform[rows]` in [0,1). Writes 1 − |p|² per row to `curvature`, adds p to `probability[n]` when given.
   */
  sampledScore(
    logits: Float32Array,
    uniform: Float32Array,
    curvature: Float32Array,
    probability: Float32Array | undefined,
    n: number,
  ): void;
  /**
   * Compares rows of logits: kl[row] = KL(softmax(p) ‖ softmax(q)) in nats, nll of `labels[row]` (ignored when < 0)
   * under both, and whether the most probable entries agree (1/0).
   */
  compareLogits(p: Float32Array, q: Float32Array, labels: Int32Array, n: number, result: LogitComparison): void;

  // ── rounding with feedback ──────────────────────────────────────────────
  /**
   * H = UᵀDU… in the order of columns given: fills u[n,n] with the feedback coefficients of LDLQ, so that the target of
   * column j is w_j + Σ_{i<j} (w_i − q_i)·u[i,j]. h[n,n] is symmetric, already damped, already in rounding order; it is
   * overwritten. Returns false when h is not positive definite.
   * @see Chee et al., QuIP (2023), Theorem 6: equals GPTQ/OPTQ
   */
  feedbackFactor(h: Float32Array, u: Float32Array, n: number): boolean;
  /**
   * Rounds one block of `columns` consecutive columns (in rounding order) of all rows, element by element with feedback
   * inside the block. target[rows, columns] holds w + feedback of earlier blocks. For column j: code = nearest level of
   * (t_j − offset)/scale, error e_j = weight_j − value_j, and t_k += e_j·u[j,k] for the later k of the block.
   * @param u [columns, columns] the diagonal block of the feedback factor
   * @param subBlock scale/offset index of each column: scale[row·subBlocks + subBlock[j]]
   * @param codes [rows, columns] out, index into levels
   * @param error [rows, columns] out, weight − value
   */
  roundBlock(task: RoundBlockTask): void;
}
