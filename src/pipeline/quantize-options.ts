import type { BitPlan } from '../allocate/types.ts';
import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { RoundingName } from '../quantize/types.ts';
import type { PeerModel } from './peers/types.ts';
import type { FileFacts } from './plan/notes.ts';
import type { Wishes } from './plan/wishes.ts';
import type { Forecast } from './preflight/types.ts';
import type { Deployment } from './resources/types.ts';
import type { HeldOut } from './texts.ts';
import type { SolverChoice } from './verify/search.ts';

/** What the file must be: within budgets, or as a plan says. */
export type Target =
  | { readonly kind: 'budgets'; readonly wishes: Wishes }
  | { readonly kind: 'plan'; readonly plan: BitPlan };

export interface QuantizeOptions extends WorkOptions, SolverChoice, Deployment {
  readonly output: string;
  readonly target: Target;
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to; default none. */
  readonly activations?: readonly number[];
  /** Sequences to measure on, asked for when something is measured; without any, a plan is rounded to the nearest. */
  readonly calibration?: () => Promise<TokenBatch>;
  /** Held-out text to verify on; without it nothing is verified. */
  readonly evaluation?: () => Promise<HeldOut>;
  /** Held-out text for solvers that search by true evaluations. */
  readonly searchText?: () => Promise<Int32Array>;
  /** Tokens per window of the evaluation. */
  readonly evaluationLength?: number;
  /** See `SessionOptions`. */
  readonly onNotice?: (line: string) => void;
  /** Told before any long work begins. */
  readonly onForecast?: (forecast: Forecast) => void;
  /** Where work is kept; default the user's own folder. */
  readonly folder?: string;
  /** What to run on, see `SessionOptions`. */
  readonly kernels?: Kernels;
  /** What the file tells of where it comes from. */
  readonly facts?: FileFacts;
  /** What the result is compared with; default nothing. */
  readonly peers?: PeerChoice;
}

/** The files that one would take otherwise. */
export interface PeerChoice {
  /** Whether llama-quantize's are made and measured; predicted they are always. */
  readonly measure: boolean;
  /** Files at hand; closed when the work is done. */
  readonly models: readonly PeerModel[];
}
