import type { Kernels } from '../kernels/contract.ts';
import { HARDLY_REACHED } from './experts.ts';
import { addInputEnergy, type FactorSums, finishHalf, measuredUse } from './factors.ts';
import type { MeasuredExpert, UseMeasurement } from './types.ts';

/** A half of an expert that few tokens reached. */
interface Waiting {
  readonly sums: FactorSums;
  readonly half: number;
  /** Slots that the expert got, of a text of so many tokens. */
  readonly count: number;
  readonly tokens: number;
  /** Σ_t w_t·x_t·x_tᵀ, [columns, columns]. */
  readonly a: Float32Array;
  /** Σ_t g_ti², [rows]. */
  readonly rowEnergy: Float64Array;
}

/** Sums over all experts of a stack, of one half. */
interface HalfOfStack {
  /** [columns, columns] */
  readonly gram: Float64Array;
  slots: number;
  /** Experts that were counted. */
  counted: number;
}

/**
 * What the experts of one tensor share: a slot's average, which stands in for what hardly reached experts lack. Experts may
 * come some at a time; those that wait for the average are finished with the last.
 */
export class StackSums {
  readonly #experts: number;
  readonly #halves: HalfOfStack[] = [];
  readonly #inputs: Float64Array;
  #rows = 0;
  readonly #waiting: Waiting[] = [];
  readonly #measured: { readonly sums: FactorSums; readonly expert: MeasuredExpert }[] = [];

  /** @param experts of the whole stack */
  constructor(experts: number, columns: number) {
    this.#experts = experts;
    this.#inputs = new Float64Array(columns);
    for (let half = 0; half < 2; half++)
      this.#halves.push({ gram: new Float64Array(columns * columns), slots: 0, counted: 0 });
  }

  /** Adds what some experts summed up in a half. @param counts slots of each */
  add(half: number, grams: readonly Float32Array[], factors: readonly FactorSums[], counts: readonly number[]): void {
    const own = this.#halves[half];
    for (const gram of grams) for (let i = 0; i < gram.length; i++) own.gram[i] += gram[i];
    own.slots += counts.reduce((sum, count) => sum + count, 0);
    own.counted += counts.length;
    if (half === 0) return;
    for (const { inputEnergy, inputRows } of factors) {
      for (let c = 0; c < inputEnergy.length; c++) this.#inputs[c] += inputEnergy[c];
      this.#rows += inputRows;
    }
  }

  wait(expert: Waiting): void {
    this.#waiting.push(expert);
  }

  measured(sums: FactorSums, expert: MeasuredExpert): void {
    this.#measured.push({ sums, expert });
  }

  /** Experts that are finished and were not given yet; with the last of the stack all that waited. */
  ready(kernels: Kernels): UseMeasurement[] {
    const isWhole = this.#halves.every(({ counted }) => counted === this.#experts);
    if (isWhole) for (const waiting of this.#waiting.splice(0)) this.#settle(kernels, waiting);
    const isReady = ({ sums }: { sums: FactorSums }): boolean =>
      sums.terms[0] !== undefined && sums.terms[1] !== undefined;
    const ready = this.#measured.filter(isReady);
    const rest = this.#measured.filter((each) => !isReady(each));
    this.#measured.splice(0, this.#measured.length, ...rest);
    return ready.map(({ sums, expert }) => ({ ...measuredUse(sums), expert }));
  }

  /**
   * What the expert lacks to `HARDLY_REACHED` slots is taken from an average slot of the stack: the mean of both times the
   * slots that it got, one at least.
   */
  #settle(kernels: Kernels, { sums, half, count, tokens, a, rowEnergy }: Waiting): void {
    const { gram, slots } = this.#halves[half];
    const [missing, share] = [HARDLY_REACHED - count, Math.max(1, count) / HARDLY_REACHED];
    for (let i = 0; i < a.length; i++) a[i] = share * (a[i] + (missing * gram[i]) / Math.max(1, slots));
    addPrior(rowEnergy, missing / HARDLY_REACHED);
    if (count === 0)
      addInputEnergy(
        sums,
        this.#inputs.map((energy) => energy / Math.max(1, this.#rows)),
        1,
      );
    finishHalf(kernels, sums, { a, rowEnergy, count: tokens }, half);
  }
}

/** Mixes an even share of all rows into shares of energy: rows of experts have nothing in common but their number. */
function addPrior(energy: Float64Array, weight: number): void {
  const total = energy.reduce((sum, value) => sum + value, 0);
  for (let i = 0; i < energy.length; i++)
    energy[i] = (total > 0 ? ((1 - weight) * energy[i]) / total : 0) + weight / energy.length;
}
