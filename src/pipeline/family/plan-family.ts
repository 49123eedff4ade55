import type { BitPlan } from '../../allocate/types.ts';
import { BitbudgetError, UsageError } from '../../core/errors.ts';
import { checkpoint } from '../../core/progress.ts';
import type { Estimate } from '../../evaluate/types.ts';
import type { Measurement } from '../../measure/types.ts';
import type { Model } from '../../model/types.ts';
import { refuseUnusablePalette, type SensitivityTable } from '../../quantize/sensitivity.ts';
import type { RoundingName } from '../../quantize/types.ts';
import { type Corpus, encodeCorpus, firstCharacters } from '../../text/corpus.ts';
import type { Host } from '../host/types.ts';
import { type Corrections, NO_CORRECTION } from '../plan/corrections.ts';
import { fileNotes } from '../plan/notes.ts';
import { Planner } from '../plan/planner.ts';
import { quantizationRatio } from '../plan/ratio.ts';
import { weightCount } from '../plan/wishes.ts';
import { Session, type SessionOptions } from '../session.ts';
import { calibrationTokens, heldOutTokens, sequenceLength, type TextChoice } from '../texts.ts';
import { PlanJudge } from '../verify/judge.ts';
import { RememberedRuns } from '../verify/remembered.ts';
import type { Workspace } from '../workspace.ts';
import { type FamilyPoint, jointFrontier } from './family.ts';

export interface FamilyOptions extends SessionOptions {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly calibration: TextChoice;
  /** Held-out text; `tokens` of about four characters are taken, the same text for every model. */
  readonly evaluation: TextChoice;
  /** Plans of each model whose true loss is measured, spread over its frontier. */
  readonly measured: number;
  /** Most bytes of the file that one model is to be chosen for. */
  readonly targetBytes?: number;
}

/** A plan whose loss was measured beside its prediction. */
export interface MeasuredPoint extends FamilyPoint {
  /** Cross-entropy of the quantized model on the same text, bits per byte. */
  readonly measured: number;
  /** True KL against the member's own original, nats per token. */
  readonly measuredKl: number;
  /** Standard error of `measured` less the original's loss: both are of the same tokens. */
  readonly differenceError: number;
}

/** One model of the family. */
export interface FamilyMember {
  readonly model: string;
  readonly weights: number;
  /** Cross-entropy of the original, bits per byte, with its standard error. */
  readonly loss: Estimate;
  readonly bytesPerToken: number;
  /** Best plans, smallest first. */
  readonly frontier: readonly FamilyPoint[];
  readonly measured: readonly MeasuredPoint[];
  /** The best plan within `targetBytes`; absent where the smallest file is larger, or none was asked for. */
  readonly atTarget?: FamilyPoint;
}

export interface Family {
  readonly members: readonly FamilyMember[];
  /** The best of all models at every size. */
  readonly frontier: readonly FamilyPoint[];
  /** The best of all models within `targetBytes`. */
  readonly best?: FamilyPoint;
}

/** Characters of text per token that is asked for: about that of English in common vocabularies. */
const CHARACTERS_PER_TOKEN = 4;

/** Which model in how many bits is best at every size. Measures and prices what is not known yet; closes each model when it is done. */
export async function planFamily(
  host: Host,
  models: readonly { readonly name: string; readonly model: Model }[],
  options: FamilyOptions,
): Promise<Family> {
  const names = new Set(models.map(({ name }) => name));
  if (names.size < models.length) throw new UsageError('family: a model is named twice; give each once');
  const corpus = await host.corpus(options.evaluation.files ?? [host.ownTexts.evaluation]);
  const heldOut = firstCharacters(corpus, CHARACTERS_PER_TOKEN * options.evaluation.tokens);
  const members: FamilyMember[] = [];
  for (const { name, model } of models) {
    await checkpoint(options.signal);
    const session = await Session.open(host, model, options, (magnitudes) =>
      refuseUnusablePalette(model, magnitudes, options.palette),
    );
    try {
      members.push(await new MemberPlanner(name, session, options).plan(heldOut));
    } finally {
      await session.close();
    }
  }
  const within = members.flatMap(({ atTarget }) => atTarget ?? []);
  const best = within.reduce((a, b) => (b.loss < a.loss ? b : a), within[0]);
  if (options.targetBytes !== undefined && best === undefined)
    throw new BitbudgetError(
      `budget: no model of these fits ${options.targetBytes} bytes; the smallest file takes ${Math.min(...members.map(({ frontier: [point] }) => point.fileBytes))}`,
      { code: 'budget' },
    );
  return { members, frontier: jointFrontier(members.flatMap(({ frontier }) => frontier)), best };
}

class MemberPlanner {
  readonly #name: string;
  readonly #session: Session;
  readonly #options: FamilyOptions;

  constructor(name: string, session: Session, options: FamilyOptions) {
    this.#name = name;
    this.#session = session;
    this.#options = options;
  }

  async plan(heldOut: Corpus): Promise<FamilyMember> {
    const { host, model } = this.#session;
    const { rounding, palette, calibration, seed, measured } = this.#options;
    const measurement = await this.#session.measure(await calibrationTokens(host, model, calibration, seed ?? 0));
    const workspace = await this.#session.workspace(measurement, { job: ['family', rounding, palette, measured] });
    try {
      const table = await this.#session.price(measurement, workspace, rounding, palette);
      const planner = new Planner({ model, table, notes: fileNotes({ rounding }) });
      const corrections = await this.#corrections(measurement, workspace, table);
      const plans = planner.frontier(corrections);
      const setting = { session: this.#session, measurement, workspace, length: sequenceLength(model) };
      const tokens = encodeCorpus(model.tokenizer, heldOut, { special: true });
      const judge = await PlanJudge.open(setting, tokens);
      const original = (await judge.judge(plans[0], () => false)).nll.reference;
      const bits = (nats: number): number => nats / Math.LN2 / judge.bytesPerToken;
      const point = (plan: BitPlan): FamilyPoint => ({
        model: this.#name,
        fileBytes: plan.prediction!.fileBytes,
        bitsPerWeight: (8 * plan.prediction!.fileBytes) / weightCount(model),
        quantizationRatio: quantizationRatio(model, plan),
        kl: plan.prediction!.kl,
        klInterval: plan.prediction!.klInterval,
        corrected: plan.prediction!.corrected,
        loss: bits(original.mean + plan.prediction!.kl),
        lossError: bits(plan.prediction!.klError),
      });
      const checked: MeasuredPoint[] = [];
      for (const plan of spread(plans, measured)) {
        const { nll, evaluation } = await judge.judge(plan, undefined, this.#options);
        const differenceError = bits(nll.difference.standardError);
        checked.push({
          ...point(plan),
          measured: bits(nll.reference.mean + nll.difference.mean),
          measuredKl: evaluation.kl.mean,
          differenceError,
        });
      }
      workspace.forgetBlocks();
      return {
        model: this.#name,
        weights: weightCount(model),
        loss: { mean: bits(original.mean), standardError: bits(original.standardError) },
        bytesPerToken: judge.bytesPerToken,
        frontier: plans.map(point),
        measured: checked,
        atTarget: await this.#atTarget(planner, corrections, plans[0], point),
      };
    } finally {
      await workspace.close();
    }
  }

  /** What quantize and plan learned of this model on the same text, if they did. */
  async #corrections(measurement: Measurement, workspace: Workspace, table: SensitivityTable): Promise<Corrections> {
    const { host, model } = this.#session;
    const { probed } = await heldOutTokens(host, model, this.#options.evaluation);
    const setting = { session: this.#session, measurement, workspace, length: sequenceLength(model) };
    const { text } = await PlanJudge.open(setting, probed);
    return await new RememberedRuns(workspace, table).corrections(text);
  }

  async #atTarget(
    planner: Planner,
    corrections: Corrections,
    smallest: BitPlan,
    point: (plan: BitPlan) => FamilyPoint,
  ): Promise<FamilyPoint | undefined> {
    const { targetBytes } = this.#options;
    if (targetBytes === undefined || smallest.prediction!.fileBytes > targetBytes) return undefined;
    const solving = corrections.learned ? corrections : NO_CORRECTION;
    const plan = await planner.plan({ bytes: targetBytes }, { corrections: solving, seed: this.#options.seed });
    return point(planner.predict(plan, corrections));
  }
}

/** `count` of the items at equal distances, the ends left out. */
function spread<T>(items: readonly T[], count: number): T[] {
  return Array.from(
    { length: Math.min(count, items.length) },
    (_, i) => items[Math.floor(((i + 0.5) * items.length) / count)],
  );
}
