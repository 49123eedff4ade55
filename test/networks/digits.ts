import { readFileSync } from 'node:fs';
import type { Sequences } from '../../src/run/sequences.ts';

const file = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/digits/${name}`, import.meta.url));

const pixels = file('images.bin');

/** 1,797 handwritten digits; what a network reads is an image's pixels, 0 to 1. */
export const labels = file('labels.bin');
export const PIXELS = 64;

/** Images [first, last) as sequences of one, by the input `images`. */
export function images(first: number, last: number): Sequences {
  return {
    sequences: last - first,
    length: 1,
    input: (_, order) => {
      const values = new Float32Array(order.length * PIXELS);
      for (const [i, image] of order.entries())
        for (let p = 0; p < PIXELS; p++) values[i * PIXELS + p] = pixels[(first + image) * PIXELS + p] / 16;
      return values;
    },
  };
}

/** The same images as sequences of eight tokens, their rows of eight pixels. */
export function imageRows(first: number, last: number): Sequences {
  const whole = images(first, last);
  return { ...whole, length: 8, input: whole.input };
}
