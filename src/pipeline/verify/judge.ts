import type { BitPlan } from '../../allocate/types.ts';
import { sha256Hex } from '../../core/hash.ts';
import type { Memory } from '../../core/memory.ts';
import type { WorkOptions } from '../../core/progress.ts';
import { evaluationWindows, type ReferenceStates, referenceStates, scoreModels } from '../../evaluate/evaluate.ts';
import { estimate, summarize } from '../../evaluate/summary.ts';
import type { Estimate, Evaluation } from '../../evaluate/types.ts';
import { labelsOf, type ScoredWindows } from '../../evaluate/windows.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { type CurvatureSource, plannedFormat } from '../../quantize/encode.ts';
import { quantizedModel, roundingsOf } from '../../quantize/quantized.ts';
import { matrices } from '../../quantize/sensitivity.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

/** A plan's true loss, and that of every window by itself, so that plans can be compared in pairs. */
export interface Judgement {
  readonly evaluation: Evaluation;
  /** Mean KL of every window's scored tokens, nats per token. [windows] */
  readonly windows: readonly number[];
  /** Negative log-likelihood of the text, nats per token: the original's, and the plan's less that, token by token. */
  readonly nll: { readonly reference: Estimate; readonly difference: Estimate };
}

/** What a judge works with. */
export interface JudgeSetting {
  readonly session: Session;
  /** What rounding learns from; none rounds to the nearest. */
  readonly measurement: CurvatureSource | undefined;
  readonly workspace: Workspace;
  /** Tokens per window. */
  readonly length?: number;
}

/**
 * Measures whole plans against the original on one text. Rounded matrices and finished judgements are kept in the
 * workspace, so that plans that share formats share work, and interrupted searches go on where they stopped.
 */
export class PlanJudge {
  readonly #setting: JudgeSetting;
  readonly #tokens: Int32Array;
  readonly #windows: ScoredWindows;
  /** Of the original, once something is not known yet. */
  #states?: Promise<ReferenceStates>;
  /** SHA-256 of the tokens. */
  readonly #text: string;
  readonly #memory: Memory<Judgement>;

  private constructor(setting: JudgeSetting, tokens: Int32Array, text: string) {
    const { session, workspace, length } = setting;
    this.#setting = setting;
    this.#tokens = tokens;
    this.#windows = evaluationWindows(session.model, tokens, { length });
    this.#text = text;
    this.#memory = workspace.memory();
  }

  /** @throws UsageError when the text is shorter than a window */
  static async open(setting: JudgeSetting, tokens: Int32Array): Promise<PlanJudge> {
    return new PlanJudge(setting, tokens, await sha256Hex(new Uint8Array(Int32Array.from(tokens).buffer)));
  }

  /** Scored tokens. */
  get tokens(): number {
    const { tokens, length, scoredPerWindow } = this.#windows;
    return (tokens.length / length) * scoredPerWindow;
  }

  /** Mean bytes of text of the scored tokens. */
  get bytesPerToken(): number {
    const { tokenizer } = this.#setting.session.model;
    const labels = labelsOf(this.#windows);
    return labels.reduce((sum, id) => sum + tokenizer.tokenBytes(id).length, 0) / labels.length;
  }

  /** Which text, cut how: what is kept of it is kept under this name. */
  get text(): string {
    return JSON.stringify([this.#text, this.#windows.length]);
  }

  /** @param only matrices that are rounded; the others stay the original's. Default all */
  async judge(plan: BitPlan, only?: (tensor: ModelTensor) => boolean, work: WorkOptions = {}): Promise<Judgement> {
    const known = await this.known(plan, only);
    if (known !== undefined) return known;
    const { session, measurement, workspace } = this.#setting;
    const rounded = this.#rounded(only);
    const needed = { ...session.model, tensors: new Map(rounded.map((tensor) => [tensor.name, tensor])) };
    return await this.#once(this.#key(plan, only), async () => {
      await session.encode(needed, plan, measurement, workspace, work);
      return await this.#compare(quantizedModel(session.model, plan, workspace.blocks(), only), work);
    });
  }

  /** What was judged before, without any work. */
  async known(plan: BitPlan, only?: (tensor: ModelTensor) => boolean): Promise<Judgement | undefined> {
    return await this.#memory.get(this.#key(plan, only));
  }

  /**
   * Any other model against the original, such as a file of another tool.
   * @throws UsageError when its vocabulary is another
   */
  async judgeModel(candidate: Model, work: WorkOptions = {}): Promise<Judgement> {
    const key = JSON.stringify(['kl', 'model', await candidate.fingerprint(), this.#text, this.#windows.length]);
    return await this.#once(key, () => this.#compare(candidate, work));
  }

  /** Judges what nobody has judged, one process at a time. */
  async #once(key: string, judge: () => Promise<Judgement>): Promise<Judgement> {
    const find = async (): Promise<Judgement> => {
      const known = await this.#memory.get(key);
      if (known !== undefined) return known;
      const judgement = await judge();
      await this.#memory.put(key, judgement);
      return judgement;
    };
    const { session, workspace } = this.#setting;
    return await workspace.exclusively(key, find, session.waiting());
  }

  #rounded(only?: (tensor: ModelTensor) => boolean): ModelTensor[] {
    return matrices(this.#setting.session.model).filter((tensor) => only === undefined || only(tensor));
  }

  #key(plan: BitPlan, only?: (tensor: ModelTensor) => boolean): string {
    const formats = this.#rounded(only).map((tensor) => [tensor.name, plannedFormat(plan, tensor)]);
    const running = only === undefined ? roundingsOf(this.#setting.session.model, plan) : undefined;
    const run = running === undefined ? [] : [...running];
    return JSON.stringify(['kl', plan.rounding, this.#text, this.#windows.length, formats, ...run]);
  }

  async #compare(candidate: Model, work: WorkOptions): Promise<Judgement> {
    const { kernels, model } = this.#setting.session;
    const { length, scoredPerWindow } = this.#windows;
    this.#states ??= referenceStates(kernels, model, this.#tokens, { ...work, length });
    const options = { ...work, length, referenceStates: await this.#states };
    const scores = await scoreModels(kernels, model, candidate, this.#tokens, options);
    return {
      evaluation: summarize(scores),
      nll: {
        reference: estimate(scores.nllReference),
        difference: estimate(scores.nll.map((nll, i) => nll - scores.nllReference[i])),
      },
      windows: Array.from(
        { length: scores.kl.length / scoredPerWindow },
        (_, w) => estimate(scores.kl.subarray(w * scoredPerWindow, (w + 1) * scoredPerWindow)).mean,
      ),
    };
  }
}
