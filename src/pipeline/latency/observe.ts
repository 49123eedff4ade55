import type { Kernels } from '../../kernels/contract.ts';
import { sitesOf } from '../../model/sites.ts';
import type { Model } from '../../model/types.ts';
import { createSession } from '../../run/session.ts';
import { type DecodedToken, decodeTokens, type Effort, WARM_UP } from './decode.ts';
import { undisturbed } from './predict.ts';
import { type TimedCall, timedKernels } from './timed.ts';

/** A token taken apart. Every part is the mean over the tokens in which nothing disturbed it, in ms. */
export interface TypicalToken {
  /** Products and packed caches in their order. */
  readonly calls: readonly Omit<TimedCall, 'start'>[];
  /** The forward pass between them. */
  readonly between: number;
  readonly sampling: number;
  /** The tokens as they were, in ms. */
  readonly tokens: readonly number[];
}

/**
 * Decodes at a context as `run` would, without the prompt, and times every part. A moment that the system takes away spoils
 * one sample of one part, so that the sum of the parts holds where whole tokens do not.
 */
export async function observeTokens(
  kernels: Kernels,
  model: Model,
  options: { context: number; effort: Effort; signal?: AbortSignal },
): Promise<TypicalToken> {
  const { context, effort, signal } = options;
  const calls: TimedCall[] = [];
  const sites = new Set(sitesOf(model).map(({ id }) => id));
  const timed = timedKernels(kernels, sites, (call) => calls.push(call));
  const session = await createSession(timed.device, model, { contextLength: context, past: context });
  try {
    const { vocabulary } = model.config;
    await decodeTokens(session, vocabulary, WARM_UP, () => {}, signal);
    calls.length = 0;
    const seen: SeenToken[] = [];
    const keep = (token: DecodedToken) => seen.push({ ...token, calls: calls.splice(0) });
    await decodeTokens(session, vocabulary, effort, keep, signal);
    return typical(seen);
  } finally {
    session.close();
  }
}

interface SeenToken extends DecodedToken {
  readonly calls: readonly TimedCall[];
}

function typical(seen: readonly SeenToken[]): TypicalToken {
  const gaps = seen.map(gapsOf);
  return {
    calls: seen[0].calls.map(({ kernel, site }, i) => ({
      kernel,
      site,
      milliseconds: undisturbed(seen.map(({ calls }) => calls[i].milliseconds)),
    })),
    between: gaps[0].reduce((sum, _, i) => sum + undisturbed(gaps.map((of) => of[i])), 0),
    sampling: undisturbed(seen.map(({ sampling }) => sampling)),
    tokens: seen.map(({ forward, sampling }) => forward + sampling),
  };
}

/** Times before the first product, between each two, and after the last. */
function gapsOf({ start, forward, calls }: SeenToken): number[] {
  const ends = [start, ...calls.map((call) => call.start + call.milliseconds)];
  const starts = [...calls.map((call) => call.start), start + forward];
  return starts.map((next, i) => next - ends[i]);
}
