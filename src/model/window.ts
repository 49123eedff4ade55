import type { AttentionWindow, ModelConfig } from './types.ts';

/** The window as a config keeps it: one as wide as the context hides nothing. */
export function windowWithin(window: AttentionWindow | undefined, contextLength: number): Pick<ModelConfig, 'window'> {
  return window !== undefined && window.tokens < contextLength ? { window } : {};
}

/** Tokens that a block's attention sees; undefined where it sees all. */
export function windowOf({ window }: ModelConfig, layer: number): number | undefined {
  return window?.layers[layer] ? window.tokens : undefined;
}

/**
 * Tokens within which full attention is what the model computes: its context, or its sliding window where that is
 * shorter. The runtime has full attention only, so it stops there.
 */
export function exactContext({ contextLength, window }: ModelConfig): number {
  return Math.min(contextLength, window?.tokens ?? contextLength);
}

/** One line about a window for people who give a text or a context beyond it; undefined without one. */
export function windowLimit({ window }: ModelConfig): string | undefined {
  if (window === undefined) return undefined;
  return `the model attends within a sliding window of ${window.tokens} tokens, and longer texts are not computed yet`;
}
