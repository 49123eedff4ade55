import { UsageError } from '../../core/errors.ts';
import { didYouMean } from './suggest.ts';

/**
 * Bits per weight of llama-quantize's mixes of types, which are no types themselves: people know sizes by them.
 * @see llama.cpp, tools/quantize/README.md, table of Llama 3.1 8B
 */
export const MIXES: Readonly<Record<string, number>> = {
  IQ2_M: 2.93,
  Q2_K_S: 2.97,
  Q2_K_M: 3.16,
  IQ3_XS: 3.5,
  Q3_K_S: 3.64,
  IQ3_M: 3.76,
  Q3_K_M: 4,
  Q3_K_L: 4.3,
  Q4_K_S: 4.67,
  Q4_K_M: 4.89,
  Q5_K_S: 5.57,
  Q5_K_M: 5.7,
};

/** Bits per weight that the name of a mix stands for; undefined for other names. */
export function mixBits(name: string): number | undefined {
  return MIXES[name.toUpperCase()];
}

/** Names that hubs and clients look for in a file's name, with the bits per weight that they stand for. */
const LABELS: Readonly<Record<string, number>> = {
  IQ1_S: 2,
  IQ2_XXS: 2.38,
  IQ2_M: MIXES['IQ2_M'],
  Q2_K: MIXES['Q2_K_M'],
  Q3_K_M: MIXES['Q3_K_M'],
  Q4_K_M: MIXES['Q4_K_M'],
  Q5_K_M: MIXES['Q5_K_M'],
  Q6_K: 6.56,
  Q8_0: 8.5,
  F16: 16,
};

/** The label whose files are nearest in bits per weight. */
export function nearestLabel(bitsPerWeight: number): string {
  const distance = ([, bits]: [string, number]): number => Math.abs(bits - bitsPerWeight);
  return Object.entries(LABELS).reduce((best, label) => (distance(label) < distance(best) ? label : best))[0];
}

/**
 * Types named with `flag`, spelled as they are known.
 * @throws UsageError for others, with what was probably meant
 */
export async function knownTypes(names: readonly string[], flag: string): Promise<string[]> {
  const { formats } = await import('../../numeric/table.ts');
  const written = [...formats.values()].filter(({ gguf, encodeBlocks }) => gguf && encodeBlocks);
  const known = written.map(({ name }) => name);
  return names.map((name) => {
    const found = known.find((each) => each === name.toUpperCase());
    if (found !== undefined) return found;
    const bits = mixBits(name);
    if (bits !== undefined)
      throw new UsageError(
        `${flag} ${name}: is a mix of types by llama-quantize, of about ${bits} bits per weight; give --target-bpw ${bits} for the best file of that size`,
        { code: 'unknown-type' },
      );
    throw new UsageError(
      `${flag} ${name}: is no type that GGUF files hold${didYouMean(name, [...known, ...Object.keys(MIXES)])}; see bitbudget formats`,
      { code: 'unknown-type' },
    );
  });
}
