import { BitbudgetError } from '../core/errors.ts';
import { checkpoint } from '../core/progress.ts';
import { Random } from '../core/random.ts';
import type { Tokenizer } from '../text/types.ts';
import { type SamplerOptions, sample } from './sampler.ts';
import type { Session } from './session.ts';

export interface GenerateOptions extends SamplerOptions {
  /** Most tokens to draw, default what the context leaves. */
  maxTokens?: number;
  /** Default 0. */
  seed?: number;
  /** Ids that end the text, default the tokenizer's. */
  stop?: readonly number[];
  /** Ends the text early, with `finish: 'aborted'`; while the prompt is still being read it throws `signal.reason`. */
  signal?: AbortSignal;
}

/** What writing on took, and why it ended. */
export interface GenerationStats {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly promptTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly finish: 'stop' | 'length' | 'aborted';
}

/**
 * Continues a prompt, yielding text as it comes; every piece is whole characters. The session keeps what was read and
 * written, so that a next turn only sends its new tokens.
 */
export async function* generate(
  session: Session,
  tokenizer: Tokenizer,
  prompt: ArrayLike<number>,
  options: GenerateOptions = {},
): AsyncGenerator<string, GenerationStats> {
  const { signal, stop = tokenizer.stop } = options;
  const random = new Random(options.seed ?? 0);
  const decoder = new TextDecoder();
  const recent = Array.from(prompt);
  const room = session.contextLength - session.position - prompt.length;
  const most = Math.min(options.maxTokens ?? room, room);
  const started = performance.now();
  let logits = await session.prefill(prompt, { signal });
  const prefilled = performance.now();
  let generated = 0;
  let decoded = 0;
  let decodeTime = 0;
  let finish: GenerationStats['finish'] = 'length';
  while (generated < most) {
    await checkpoint();
    if (signal?.aborted) finish = 'aborted';
    refuseNotFinite(logits);
    const token = sample(logits, recent, random, options);
    if (stop.includes(token)) finish = 'stop';
    if (finish !== 'length') break;
    generated++;
    recent.push(token);
    // Rows of the head beyond the vocabulary are padding, and no text.
    const bytes = token < tokenizer.vocabularySize ? tokenizer.tokenBytes(token) : new Uint8Array(0);
    const piece = decoder.decode(bytes, { stream: true });
    if (piece) yield piece;
    if (generated === most) break;
    const before = performance.now();
    logits = await session.decode(token);
    decodeTime += performance.now() - before;
    decoded++;
  }
  const rest = decoder.decode();
  if (rest) yield rest;
  return {
    promptTokens: prompt.length,
    generatedTokens: generated,
    promptTokensPerSecond: prompt.length / ((prefilled - started) / 1000),
    decodeTokensPerSecond: decoded > 0 ? decoded / (decodeTime / 1000) : 0,
    finish,
  };
}

/** Where a weight is too large or no number, every logit becomes one: sampling would print the first token for ever. */
function refuseNotFinite(logits: Float32Array): void {
  const wrong = logits.find((logit) => Number.isNaN(logit) || logit === Number.POSITIVE_INFINITY);
  if (wrong === undefined) return;
  throw new BitbudgetError(
    `model: computes ${wrong} where a token's score should be; a weight of it is too large or no number`,
  );
}
