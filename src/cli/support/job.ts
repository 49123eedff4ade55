import type { ProgressEvent } from '../../core/progress.ts';
import { type Forecast, STEPS, type StepName } from '../../pipeline/preflight/types.ts';

/** Steps that a job is expected to have, in order, with what share of its time each takes. */
export type Outline = Readonly<Record<string, number>>;

/** What the library calls a step while it works on it. */
const STAGES: Readonly<Record<StepName, string>> = {
  measure: 'measuring',
  price: 'pricing',
  quantize: 'quantizing',
  verify: 'verifying',
  compare: 'peers',
};

/** Seconds that a job was told to take, by stage, in order; what was done before takes none. */
export function outlineOf({ steps }: Pick<Forecast, 'steps'>): Outline {
  return Object.fromEntries(STEPS.filter((step) => steps[step] > 0).map((step) => [STAGES[step], steps[step]]));
}

export const PLAN_OUTLINE: Outline = { measuring: 65, pricing: 35 };

/** Stages of the library in words for people. */
const WORDS: Readonly<Record<string, string>> = {
  downloading: 'fetching the model',
  checking: 'checking the weights',
  measuring: 'measuring what the precision of every matrix is worth',
  pricing: 'trying every format on every matrix',
  'pricing run': 'trying formats of the KV cache and bits of activations',
  timing: 'timing this device',
  probing: 'checking predictions on other text',
  searching: 'searching by true evaluations',
  quantizing: 'rounding',
  rounding: 'rounding',
  verifying: 'comparing with the original',
  peers: 'measuring what other files lose',
  running: 'running the model',
  evaluating: 'measuring true losses of plans',
  scoring: 'scoring matrices',
  writing: 'writing the file',
};

/** What a step is called in output. */
export function stepWords(stage: string): string {
  return WORDS[stage] ?? stage;
}

/** Share of the job that what was told ahead weighs as much as. */
const TRUST = 0.2;

/** Where a job is. */
export interface JobState {
  readonly words: string;
  /** Of the whole job, from 0 to 1. */
  readonly share: number;
  /** Milliseconds that the rest will take; undefined while nothing is known. */
  readonly remaining?: number;
}

/**
 * Counts the steps of a job together, so that there is one share and one remaining time for all of it. Steps that are passed
 * over are known already and take nothing; steps come in the order of the outline, and again as often as they like.
 */
export class Job {
  #stages: readonly string[];
  #outline: Outline;
  /** Seconds that the whole job was told to take, where it was. */
  #told?: number;
  readonly #now: () => number;
  /** Farthest that each step has come, from 0 to 1. */
  readonly #reached = new Map<string, number>();
  #began?: number;
  #share = 0;

  constructor(outline: Outline, now: () => number) {
    this.#stages = Object.keys(outline);
    this.#outline = outline;
    this.#now = now;
  }

  /**
   * What the job was told to take, before its first step begins.
   * @param outline seconds of every step
   */
  expect(outline: Outline): void {
    this.#stages = Object.keys(outline);
    this.#outline = outline;
    this.#told = 1000 * Object.values(outline).reduce((sum, seconds) => sum + seconds, 0);
    this.#reached.clear();
    this.#share = 0;
    this.#began = this.#now();
  }

  update({ stage, done, total }: ProgressEvent): JobState {
    // What nobody expected is a job of its own, or a part of the step that it interrupts.
    if (this.#stages.length === 0) return this.#alone(stage, done, total);
    if (this.#outline[stage] !== undefined) {
      this.#began ??= this.#now();
      const own = total > 0 ? Math.min(1, done / total) : 0;
      this.#reached.set(stage, Math.max(own, this.#reached.get(stage) ?? 0));
      this.#share = Math.max(this.#share, this.#shareNow());
    }
    return { words: stepWords(stage), share: this.#share, remaining: this.#remaining() };
  }

  /** Steps before the farthest one are over. */
  #shareNow(): number {
    const farthest = Math.max(...[...this.#reached.keys()].map((stage) => this.#stages.indexOf(stage)));
    let [done, all] = [0, 0];
    for (const [i, stage] of this.#stages.entries()) {
      const reached = this.#reached.get(stage);
      if (i < farthest && reached === undefined) continue;
      all += this.#outline[stage];
      done += this.#outline[stage] * (i < farthest ? 1 : (reached ?? 0));
    }
    return done / all;
  }

  #alone(stage: string, done: number, total: number): JobState {
    if (!this.#reached.has(stage)) {
      this.#reached.clear();
      this.#reached.set(stage, 0);
      this.#began = this.#now();
    }
    this.#share = total > 0 ? Math.min(1, done / total) : 0;
    return { words: stepWords(stage), share: this.#share, remaining: this.#remaining() };
  }

  #remaining(): number | undefined {
    if (this.#began === undefined) return undefined;
    const elapsed = this.#now() - this.#began;
    if (this.#told === undefined) return this.#share === 0 ? undefined : (elapsed * (1 - this.#share)) / this.#share;
    // What was told counts as much as some of the job that took just that: the beginning alone says little of the rest.
    const pace = (elapsed / this.#told + TRUST) / (this.#share + TRUST);
    return pace * this.#told * (1 - this.#share);
  }
}
