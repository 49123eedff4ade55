import type { BitPlan } from '../../allocate/types.ts';
import { packageVersion } from '../../core/version.ts';
import type { Evaluation } from '../../evaluate/types.ts';
import type { PricedSite } from '../../measure/site-prices.ts';
import { roundingMetadata } from '../../model/roundings.ts';
import type { Model } from '../../model/types.ts';
import { roundingsOf } from '../../quantize/quantized.ts';
import type { TypedMetadata } from '../../text/types.ts';
import type { Budgets } from '../resources/table.ts';
import type { Notes } from '../resources/types.ts';

/** Where a file comes from, beside its plan: known before any work, and the same for every plan. */
export interface FileFacts {
  /** The model that was quantized: `user/repo` of the hub, else a name; never a path. */
  readonly baseModel?: string;
  /** As the source says it: `apache-2.0`. */
  readonly license?: string;
  /** Text that was measured on: its file's base name, and SHA-256 of its contents. */
  readonly calibration?: { readonly name: string; readonly sha256: string };
}

/** What is written about the making of a file. */
export interface Making {
  readonly rounding: string;
  readonly facts?: FileFacts;
  readonly budgets?: Budgets;
  /** Whether its KL is predicted, and measured before it is written; default both. */
  readonly predicted?: boolean;
  readonly measured?: boolean;
  /** What the file tells of roundings while it runs. */
  readonly run?: Notes;
}

/** What a file tells of the roundings while it runs: those of the plan, whatever they are in the same number of bytes. */
export function runNotes(model: Model, plan: BitPlan): Notes {
  return roundingMetadata(model, roundingsOf(model, plan) ?? new Map());
}

/** The same before anything is chosen, for what was priced. */
export function runNotesAhead(model: Model, running: readonly PricedSite[]): Notes {
  return roundingMetadata(model, new Map(running.map(({ site, prices: [first] }) => [site, first.option])));
}

/** Notes of the file, with places for what is known only at the end; their bytes are part of the plan. */
export function fileNotes({ rounding, facts = {}, budgets, predicted, measured, run = new Map() }: Making): Notes {
  const unknown: TypedMetadata = { type: 'float32', value: 0 };
  const notes = new Map<string, TypedMetadata>([
    ['general.quantized_by', text('bitbudget')],
    ...baseModelNotes(facts),
    ['bitbudget.version', text(packageVersion)],
    ['bitbudget.rounding', text(rounding)],
  ]);
  if (budgets !== undefined) notes.set('bitbudget.budget', text(describeBudgets(budgets)));
  if (facts.calibration) {
    notes.set('bitbudget.calibration.name', text(facts.calibration.name));
    notes.set('bitbudget.calibration.sha256', text(facts.calibration.sha256));
  }
  if (predicted !== false) notes.set('bitbudget.predicted_kl', unknown);
  if (measured !== false) notes.set('bitbudget.measured_kl', unknown);
  return new Map([...notes, ...run]);
}

function baseModelNotes({ baseModel, license }: FileFacts): [string, TypedMetadata][] {
  const notes: [string, TypedMetadata][] = license === undefined ? [] : [['general.license', text(license)]];
  if (baseModel === undefined) return notes;
  notes.push(['general.base_model.count', { type: 'uint32', value: 1 }]);
  notes.push(['general.base_model.0.name', text(baseModel.split('/').at(-1)!)]);
  if (baseModel.includes('/'))
    notes.push(['general.base_model.0.repo_url', text(`https://huggingface.co/${baseModel}`)]);
  return notes;
}

/** `bytes=4720544 latency=25`: resources and amounts as plans name them. */
function describeBudgets(budgets: Budgets): string {
  return Object.entries(budgets)
    .map(([name, amount]) => `${name}=${amount}`)
    .join(' ');
}

function text(value: string): TypedMetadata {
  return { type: 'string', value };
}

/** Notes of a file that is made by a plan that was given. */
export function planNotes(
  model: Model,
  plan: BitPlan,
  { facts, measured }: { readonly facts?: FileFacts; readonly measured: boolean },
): Notes {
  const { rounding, budgets, prediction } = plan;
  return fileNotes({
    rounding,
    facts,
    budgets,
    predicted: prediction !== undefined,
    measured,
    run: runNotes(model, plan),
  });
}

/** The same notes with what is known at the end; what is not known has no key, so the file is smaller by it. */
export function measuredNotes(notes: Notes, model: Model, plan: BitPlan, evaluation?: Evaluation): Notes {
  const known = new Map([...notes, ...runNotes(model, plan)]);
  const set = (key: string, value: number | undefined): void => {
    if (value === undefined) known.delete(key);
    else if (notes.has(key)) known.set(key, { type: 'float32', value });
  };
  set('bitbudget.predicted_kl', plan.prediction?.refuted ? undefined : plan.prediction?.kl);
  set('bitbudget.measured_kl', evaluation?.kl.mean);
  return known;
}
