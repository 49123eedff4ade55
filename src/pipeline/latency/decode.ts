import { UsageError } from '../../core/errors.ts';
import { checkpoint } from '../../core/progress.ts';
import { Random } from '../../core/random.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { Model } from '../../model/types.ts';
import { sample } from '../../run/sampler.ts';
import type { Session } from '../../run/session.ts';
import { createSession } from '../../run/session.ts';
import { summarize } from './predict.ts';
import type { Latency } from './types.ts';

/** Context that costs per token are told at unless another is asked for, in tokens; shorter where the model's is. */
const DEFAULT_CONTEXT = 256;

/**
 * Tokens in the KV cache, the decoded one included, that costs per token are told at.
 * @throws UsageError when the model is made for fewer
 */
export function contextOf({ config }: Pick<Model, 'config'>, asked?: number): number {
  const most = config.contextLength;
  if (asked !== undefined && asked > most)
    throw new UsageError(`context ${asked}: the model is made for at most ${most} tokens`);
  return asked ?? Math.min(DEFAULT_CONTEXT, most);
}

/** One decoded token. */
export interface DecodedToken {
  /** On the clock of `performance.now`. */
  readonly start: number;
  /** Forward pass, in ms. */
  readonly forward: number;
  /** Drawing the next token, in ms. */
  readonly sampling: number;
}

/** How long tokens are decoded: at least `tokens` of them and `milliseconds`. */
export interface Effort {
  readonly tokens: number;
  readonly milliseconds: number;
}

/** Tokens that do not count: code is compiled, caches are filled. */
export const WARM_UP: Effort = { tokens: 2, milliseconds: 10 };

/** A second or so shows what a user will see. */
const EFFORT: Effort = { tokens: 32, milliseconds: 1000 };

/**
 * Decodes random tokens at the full context of a session, one at a time, each at the same position.
 * @param each called after each token
 */
export async function decodeTokens(
  session: Session,
  vocabulary: number,
  effort: Effort,
  each: (token: DecodedToken) => void,
  signal?: AbortSignal,
): Promise<void> {
  const random = new Random(0);
  const last = session.contextLength - 1;
  const decode = async (): Promise<DecodedToken> => {
    session.rewind(last);
    const token = random.integer(vocabulary);
    const start = performance.now();
    const logits = await session.decode(token);
    const forward = performance.now() - start;
    sample(logits, [token], random);
    return { start, forward, sampling: performance.now() - start - forward };
  };
  const end = performance.now() + effort.milliseconds;
  for (let done = 0; done < effort.tokens || performance.now() < end; done++) {
    await checkpoint(signal);
    each(await decode());
  }
}

/**
 * What one decoded token of a model really takes on this device, sampling included, in ms.
 * @param options.context tokens in the KV cache, the decoded one included; default 256
 */
export async function measureDecode(
  kernels: Kernels,
  model: Model,
  options: { context?: number; effort?: Effort; signal?: AbortSignal } = {},
): Promise<Latency> {
  const { effort = EFFORT, signal } = options;
  const context = contextOf(model, options.context);
  const session = await createSession(kernels.device, model, { contextLength: context });
  try {
    const { vocabulary } = model.config;
    const random = new Random(0);
    const prompt = Array.from({ length: context }, () => random.integer(vocabulary));
    await session.prefill(prompt, { signal });
    await decodeTokens(session, vocabulary, WARM_UP, () => {}, signal);
    const times: number[] = [];
    await decodeTokens(session, vocabulary, effort, (token) => times.push(token.forward + token.sampling), signal);
    return summarize(times);
  } finally {
    session.close();
  }
}
