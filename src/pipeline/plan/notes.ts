import type { BitPlan } from '../../allocate/types.ts';
import type { Evaluation } from '../../evaluate/types.ts';
import { activationMetadata } from '../../model/activation-bits.ts';
import { cacheMetadata, uniformCache } from '../../model/cache-formats.ts';
import type { Model } from '../../model/types.ts';
import type { TypedMetadata } from '../../text/types.ts';
import type { Notes, RunPrices } from '../resources/types.ts';

/** What a file tells of the roundings while it runs: those of the plan, whatever they are in the same number of bytes. */
export function runNotes(model: Model, { cache, activations }: Pick<BitPlan, 'cache' | 'activations'>): Notes {
  return new Map([
    ...(cache ? cacheMetadata(cache) : []),
    ...(activations ? activationMetadata(model.tensors, new Map(Object.entries(activations))) : []),
  ]);
}

/** The same before anything is chosen, for what was priced. */
export function runNotesAhead(model: Model, prices: RunPrices): Notes {
  const cache = prices.cache && uniformCache(model.config, 'F32', 'F32');
  return runNotes(model, { cache, activations: prices.activations && {} });
}

/**
 * Notes of the file, with places for what is known only at the end; their bytes are part of the plan.
 * @param run what the file tells of roundings while it runs
 */
export function fileNotes(rounding: string, run: Notes = new Map()): Notes {
  const unknown: TypedMetadata = { type: 'float32', value: 0 };
  return new Map<string, TypedMetadata>([
    ['general.quantized_by', { type: 'string', value: 'bitbudget' }],
    ['bitbudget.rounding', { type: 'string', value: rounding }],
    ['bitbudget.predicted_kl', unknown],
    ['bitbudget.measured_kl', unknown],
    ...run,
  ]);
}

/** The same notes with what is known at the end; what is not known has no key, so the file is smaller by it. */
export function measuredNotes(notes: Notes, model: Model, plan: BitPlan, evaluation?: Evaluation): Notes {
  const known = new Map([...notes, ...runNotes(model, plan)]);
  const kl = { predicted: plan.prediction?.kl, measured: evaluation?.kl.mean };
  for (const [what, value] of Object.entries(kl)) {
    if (value === undefined) known.delete(`bitbudget.${what}_kl`);
    else known.set(`bitbudget.${what}_kl`, { type: 'float32', value });
  }
  return known;
}
