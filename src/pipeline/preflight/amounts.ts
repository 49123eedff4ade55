import { usedSlots } from '../../graph/uses.ts';
import { packedHalvesLength } from '../../measure/halves.ts';
import { partsOf } from '../../measure/parts.ts';
import type { Magnitudes } from '../../model/magnitudes.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { candidates, matrixFacts } from '../../quantize/candidates.ts';
import { matrices } from '../../quantize/sensitivity.ts';
import type { StepName } from './types.ts';

/** What the steps of a job work on. */
export interface JobSize {
  readonly model: Model;
  /** Largest weights, where they are known. */
  readonly magnitudes?: Magnitudes;
  readonly palette?: readonly string[];
  /** Tokens measured on and per sequence. */
  readonly calibrationTokens: number;
  /** Whether only the importance of inputs is learned from them, by one pass; default all that can be measured. */
  readonly importance?: boolean;
  /** Tokens that results are judged on, 0 without verification. */
  readonly evaluationTokens: number;
}

/*
 * Work in multiply-adds of a matrix product, which a machine's speed is measured by. Products count as they are; what
 * else a step does is counted per value, in the multiply-adds that fit in its time. Those numbers were fitted to idle runs of
 * the embedded model and of SmolLM2-135M (README.md); what a machine then really takes is learned (speed.ts).
 */

/** Per token and weight of a block: its products in both passes and the sketch, as far as they are not overlapped. */
const MEASURE_WEIGHT = 2.6;
/** Per token, layer and value of the residual stream: norms, attention, energies of rows. */
const MEASURE_VALUE = 7700;
/** Per weight that is rounded once: searches for scales and codes. */
const ROUND_WEIGHT = 8100;
/** Rows priced per matrix and format. */
const PRICED_ROWS = 96;
const PRICE_WEIGHT = 8800;
/** Types that llama-quantize's files are made of. */
const COMPARED_FORMATS = 3;
/** Per token and weight, half the tokens scored by the head. */
const EVALUATE_WEIGHT = 0.52;
const EVALUATE_VALUE = 2500;
/** Texts that verification runs over, in texts that are judged: the original, two plans, and half a text for each probe. */
const VERIFIED_TEXTS = 6;
/** Plans that verification rounds, the second sharing most matrices with the first. */
const ROUNDED_PLANS = 1;

/** Multiply-adds of every step. */
export function jobAmounts({ model, magnitudes, palette, ...tokens }: JobSize): Record<StepName, number> {
  const { layers, hidden, vocabulary } = model.config;
  const all = matrices(model);
  const sum = (of: (rows: number, columns: number, tensor: ModelTensor) => number, list = all): number =>
    list.reduce((total, tensor) => total + of(tensor.shape[0], tensor.shape[1], tensor), 0);
  const blocks = all.filter(({ layer }) => layer >= 0);
  const used = usedSlots(model.graph);
  // Of stacked experts a token sees a few.
  const seen = ({ name, experts = 1 }: ModelTensor): number => (used.get(name) ?? experts) / experts;
  const weights = sum((rows, columns, tensor) => seen(tensor) * rows * columns, blocks);
  const head = hidden * vocabulary;
  const values = layers * hidden;
  const gram = sum((_, columns, tensor) => (seen(tensor) * partsOf(tensor).length * columns ** 2) / 2, blocks);
  const factorized = (columns: number): number => 2 * columns ** 3;
  const perToken = tokens.importance
    ? EVALUATE_WEIGHT * weights + EVALUATE_VALUE * values
    : MEASURE_WEIGHT * weights + 0.65 * (gram + 3 * head) + MEASURE_VALUE * values;
  return {
    measure: tokens.calibrationTokens * perToken,
    price: sum((_, columns, tensor) => {
      const formats = candidates(matrixFacts(tensor, magnitudes ?? new Map()), palette).length;
      const parts = partsOf(tensor).length;
      const rows = Math.ceil(PRICED_ROWS / Math.sqrt(parts));
      return parts * (factorized(columns) + formats * rows * columns * (columns + PRICE_WEIGHT));
    }),
    quantize:
      ROUNDED_PLANS *
      sum(
        (rows, columns, tensor) =>
          partsOf(tensor).length * factorized(columns) + rows * columns * (columns + ROUND_WEIGHT),
      ),
    compare: sum((rows, columns, tensor) => {
      const parts = partsOf(tensor).length;
      const sampled = Math.min(rows, Math.ceil(PRICED_ROWS / Math.sqrt(parts)));
      return parts * COMPARED_FORMATS * sampled * columns * (columns + PRICE_WEIGHT);
    }),
    verify: VERIFIED_TEXTS * tokens.evaluationTokens * (EVALUATE_WEIGHT * (weights + head) + EVALUATE_VALUE * values),
  };
}

/** Bytes that a measurement and its prices take in the store. */
export function keptBytes(
  { model, magnitudes, palette, calibrationTokens, importance }: JobSize,
  sequenceLength: number,
): number {
  if (importance) return matrices(model).reduce((sum, tensor) => sum + 4 * partsOf(tensor).length * tensor.shape[1], 0);
  const sketch = 4 * 8 * Math.ceil(calibrationTokens / sequenceLength);
  const { tied } = model.config;
  return matrices(model).reduce((total, tensor) => {
    const [rows, columns] = tensor.shape;
    // A tied embedding is measured as table and as head.
    const uses = tensor.role === 'token_embd' && tied ? 2 : 1;
    const parts = partsOf(tensor).length;
    const priced = parts === 1 ? 1 : parts + 1;
    const prices = priced * candidates(matrixFacts(tensor, magnitudes ?? new Map()), palette).length * PRICE_BYTES;
    return total + uses * (parts * (packedHalvesLength(columns) + 4 * columns + sketch) + 8 * rows) + prices;
  }, 0);
}

/** Of one price as JSON. */
const PRICE_BYTES = 95;

/** Bytes of the states of all tokens between all blocks. */
export function betweenBytes({ model, calibrationTokens }: JobSize): number {
  return 4 * calibrationTokens * model.config.hidden * (model.config.layers + 1);
}

/** Bytes of the gradient that an interrupted measurement goes on from. */
export function resumeBytes({ model, calibrationTokens }: JobSize): number {
  return 4 * (calibrationTokens * model.config.hidden + model.config.vocabulary);
}
