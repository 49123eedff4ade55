import type { BitPlan } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import { checkpoint } from '../../core/progress.ts';
import type { Estimate } from '../../evaluate/types.ts';
import type { Model } from '../../model/types.ts';
import { refuseUnusablePalette } from '../../quantize/sensitivity.ts';
import type { RoundingName } from '../../quantize/types.ts';
import { assetPath, evaluationText } from '../../text/assets.node.ts';
import { loadText } from '../../text/load.node.ts';
import { fileNotes } from '../plan/notes.ts';
import { Planner } from '../plan/planner.ts';
import { weightCount } from '../plan/wishes.ts';
import { Session, type SessionOptions } from '../session.node.ts';
import { calibrationTokens, sequenceLength, type TextChoice } from '../texts.node.ts';
import { PlanJudge } from '../verify/judge.node.ts';
import { type FamilyPoint, jointFrontier, quantizationRatio } from './family.ts';

export interface FamilyOptions extends SessionOptions {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  readonly calibration: TextChoice;
  /** Held-out text; `tokens` of about four characters are taken, the same text for every model. */
  readonly evaluation: TextChoice;
  /** Plans of each model whose true loss is measured, spread over its frontier. */
  readonly measured: number;
}

/** A plan whose loss was measured beside its prediction. */
export interface MeasuredPoint extends FamilyPoint {
  /** Cross-entropy of the quantized model on the same text, bits per byte. */
  readonly measured: number;
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
}

export interface Family {
  readonly members: readonly FamilyMember[];
  /** The best of all models at every size. */
  readonly frontier: readonly FamilyPoint[];
}

/** Characters of text per token that is asked for: about that of English in common vocabularies. */
const CHARACTERS_PER_TOKEN = 4;

/** Which model in how many bits is best at every size. Measures and prices what is not known yet; closes each model when it is done. */
export async function planFamily(
  models: readonly { readonly name: string; readonly model: Model }[],
  options: FamilyOptions,
): Promise<Family> {
  const names = new Set(models.map(({ name }) => name));
  if (names.size < models.length) throw new UsageError('family: a model is named twice; give each once');
  for (const { model } of models) refuseUnusablePalette(model, options.palette);
  const { text } = await loadText(options.evaluation.files ?? [assetPath(evaluationText)]);
  const heldOut = text.slice(0, CHARACTERS_PER_TOKEN * options.evaluation.tokens);
  const members: FamilyMember[] = [];
  for (const { name, model } of models) {
    await checkpoint(options.signal);
    const session = await Session.open(model, options);
    try {
      members.push(await new MemberPlanner(name, session, options).plan(heldOut));
    } finally {
      await session.close();
    }
  }
  return { members, frontier: jointFrontier(members.flatMap(({ frontier }) => frontier)) };
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

  async plan(heldOut: string): Promise<FamilyMember> {
    const { model } = this.#session;
    const { rounding, palette, calibration, seed, measured } = this.#options;
    const measurement = await this.#session.measure(await calibrationTokens(model, calibration, seed ?? 0));
    const workspace = await this.#session.workspace(measurement, { job: ['family', rounding, palette, measured] });
    try {
      const table = await this.#session.price(measurement, workspace, rounding, palette);
      const plans = new Planner({ model, table, notes: fileNotes(rounding) }).frontier();
      const setting = { session: this.#session, measurement, workspace, length: sequenceLength(model) };
      const tokens = model.tokenizer.encode(heldOut, { special: true });
      const judge = await PlanJudge.open(setting, tokens);
      const original = (await judge.judge(plans[0], () => false)).nll.reference;
      const bits = (nats: number): number => nats / Math.LN2 / judge.bytesPerToken;
      const point = (plan: BitPlan): FamilyPoint => ({
        model: this.#name,
        fileBytes: plan.prediction!.fileBytes,
        bitsPerWeight: (8 * plan.prediction!.fileBytes) / weightCount(model),
        quantizationRatio: quantizationRatio(model, plan),
        loss: bits(original.mean + plan.prediction!.kl),
        lossError: bits(plan.prediction!.klError),
      });
      const checked: MeasuredPoint[] = [];
      for (const plan of spread(plans, measured)) {
        const { nll } = await judge.judge(plan, undefined, this.#options);
        const differenceError = bits(nll.difference.standardError);
        checked.push({ ...point(plan), measured: bits(nll.reference.mean + nll.difference.mean), differenceError });
      }
      workspace.forgetBlocks();
      return {
        model: this.#name,
        weights: weightCount(model),
        loss: { mean: bits(original.mean), standardError: bits(original.standardError) },
        bytesPerToken: judge.bytesPerToken,
        frontier: plans.map(point),
        measured: checked,
      };
    } finally {
      await workspace.close();
    }
  }
}

/** `count` of the items at equal distances, the ends left out. */
function spread<T>(items: readonly T[], count: number): T[] {
  return Array.from(
    { length: Math.min(count, items.length) },
    (_, i) => items[Math.floor(((i + 0.5) * items.length) / count)],
  );
}
