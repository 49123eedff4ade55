import type { AttentionWindow, ModelConfig } from './types.ts';

/** The window as a config keeps it: one as wide as the context hides nothing. */
export function windowWithin(window: AttentionWindow | undefined, contextLength: number): Pick<ModelConfig, 'window'> {
  return window !== undefined && window.tokens < contextLength ? { window } : {};
}

/** Tokens that a block's attention sees; undefined where it sees all. */
export function windowOf({ window }: ModelConfig, layer: number): number | undefined {
  return window?.layers[layer] ? window.tokens : undefined;
}

/** The window of a block that looks to both sides, half of it to each, its own token counted to both. */
export function symmetricWindow({ tokens }: AttentionWindow): number {
  return Math.floor(tokens / 2) + 1;
}
