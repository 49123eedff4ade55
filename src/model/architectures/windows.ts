import type { GgufKeys } from '../gguf-keys.ts';
import type { AttentionWindow } from '../types.ts';
import type { ConfigFields } from './types.ts';

/** Window that Mistral's and Qwen's classes take where config.json does not name one. */
const DEFAULT_WINDOW = 4096;

/** Mistral: every block slides unless `sliding_window` is null. */
export function mistralWindow(fields: ConfigFields, layers: number): AttentionWindow | undefined {
  return windowOf(fields, new Array(layers).fill(true));
}

/** Qwen: blocks slide only where `use_sliding_window` is set: those of `layer_types`, else from `max_window_layers` on. */
export function qwenWindow(fields: ConfigFields, layers: number): AttentionWindow | undefined {
  if (fields['use_sliding_window'] !== true) return undefined;
  const { layer_types: types, max_window_layers: first = 28 } = fields;
  const slides = (layer: number): boolean =>
    Array.isArray(types) ? types[layer] === 'sliding_attention' : layer >= Number(first);
  return windowOf(
    fields,
    Array.from({ length: layers }, (_, layer) => slides(layer)),
  );
}

function windowOf({ sliding_window: tokens }: ConfigFields, layers: readonly boolean[]): AttentionWindow | undefined {
  const window = tokens === undefined ? DEFAULT_WINDOW : tokens;
  if (!Number.isSafeInteger(window) || (window as number) <= 0 || !layers.includes(true)) return undefined;
  return { tokens: window as number, layers };
}

/**
 * The window of a GGUF file whose pattern is a list of blocks, or a number that the architecture reads in its own way.
 * @param slidesBy whether a block slides by the number; undefined where the file has none
 */
export function windowFromGguf(
  keys: GgufKeys,
  layers: number,
  slidesBy: (layer: number, every?: number) => boolean,
): AttentionWindow | undefined {
  const tokens = keys.get('attention.sliding_window') ?? 0;
  if (typeof tokens !== 'number' || tokens <= 0) return undefined;
  const pattern = keys.get('attention.sliding_window_pattern');
  const slides = (layer: number): boolean =>
    Array.isArray(pattern)
      ? pattern[layer] === true
      : slidesBy(layer, typeof pattern === 'number' ? pattern : undefined);
  return { tokens, layers: Array.from({ length: layers }, (_, layer) => slides(layer)) };
}
