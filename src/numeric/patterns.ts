/**
 * Points of eight values in 16 bits: one of 256 patterns of magnitudes, signs, and a shift of all values to one side.
 *   bits 0 … 7  pattern
 *   bits 8 … 14 signs of values 0 … 6 (1 is negative); that of value 7 follows from the pattern's parity
 *   bit  15     + or − the shift
 * All is float32: a value is fround(±magnitude ± shift).
 */
export interface SignedPatterns {
  readonly kind: 'patterns';
  /** In the order of codes. */
  readonly classes: readonly PatternClass[];
  /** [256, 8] */
  readonly magnitudes: Float32Array;
  /** [256] */
  readonly shifts: Float32Array;
  /** Whether an odd number of values is negative. [256] */
  readonly isOdd: Uint8Array;
}

/** Patterns that share their magnitudes, shift and parity. */
export interface PatternClass {
  /** At most 3 magnitudes. */
  readonly levels: Float32Array;
  readonly shift: number;
  readonly isOdd: boolean;
  /** Code of the first pattern. */
  readonly first: number;
  /** Which of the levels each value has. [patterns, 8] */
  readonly places: Uint8Array;
}

/** Values of a point. */
export const POINT_SIZE = 8;
const PATTERNS = 256;

/** @param classes of 256 patterns together, each pattern 8 places in `levels` */
export function signedPatterns(
  classes: readonly (Pick<PatternClass, 'levels' | 'shift' | 'isOdd'> & { readonly patterns: readonly number[][] })[],
): SignedPatterns {
  const magnitudes = new Float32Array(PATTERNS * POINT_SIZE);
  const shifts = new Float32Array(PATTERNS);
  const isOdd = new Uint8Array(PATTERNS);
  let first = 0;
  const all = classes.map(({ patterns, ...facts }) => {
    const places = Uint8Array.from(patterns.flat());
    magnitudes.set(
      Float32Array.from(places, (place) => facts.levels[place]),
      first * POINT_SIZE,
    ); // prettier-ignore
    shifts.fill(facts.shift, first, first + patterns.length);
    isOdd.fill(facts.isOdd ? 1 : 0, first, first + patterns.length);
    first += patterns.length;
    return { ...facts, shift: Math.fround(facts.shift), first: first - patterns.length, places };
  });
  if (first !== PATTERNS) throw new RangeError(`${first} patterns, expected ${PATTERNS}`);
  return { kind: 'patterns', classes: all, magnitudes, shifts, isOdd };
}

/** Writes the 8 values of a code's point. */
export function readPoint({ magnitudes, shifts, isOdd }: SignedPatterns, code: number, out: Float32Array): void {
  const p = code & 255;
  let signs = (code >> 8) & 127;
  let ones = signs;
  for (let shift = 4; shift > 0; shift >>= 1) ones ^= ones >> shift;
  signs |= ((ones & 1) ^ isOdd[p]) << 7;
  const shift = code >> 15 === 0 ? shifts[p] : -shifts[p];
  for (let i = 0; i < POINT_SIZE; i++) {
    const magnitude = magnitudes[p * POINT_SIZE + i];
    out[i] = (((signs >> i) & 1) === 1 ? -magnitude : magnitude) + shift;
  }
}
