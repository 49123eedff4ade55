import { readScale, SCALE_F32, writeScale } from '../scales.ts';
import { loadBlock } from '../search/block.ts';
import { tensorFormat } from '../tensor.ts';
import type { TensorFormat } from '../types.ts';
import { trellisLevels } from './trellis-code.ts';
import { Viterbi } from './viterbi.ts';

/**
 *   per row: ├ f32 scale ┼ blocks of up to 256 values, R bits each ┤   value = scale·level(state)
 * A value's state is the last L bits of its block's circular bit stream: every value adds its own few bits and shares the
 * rest with those before it. Fractional widths alternate between two numbers of bits. Circular (tail-biting) streams need
 * no start state: L bits a block would be 0.06 bits per weight, 8 % of the error.
 * @see Tseng et al., "QTIP: Quantization with Trellises and Incoherence Processing", NeurIPS 2024, sections 3 and 4
 */
const BLOCK = 256;
const MULTIPLE = 32;

/** State bits that keep the error within 15 % of the limit 2^(−2R): more bits per value leave less memory in a state. */
function stateBits(width: number): number {
  if (width < 2) return 12;
  if (width < 2.5) return 13;
  if (width < 3.75) return 14;
  return width < 4.75 ? 15 : 16;
}

/** Bits of each value, repeating: 2.25 bits are 2, 2, 2, 3. */
function pattern(width: number): number[] {
  return Array.from({ length: 4 }, (_, i) => Math.floor(width * (i + 1)) - Math.floor(width * i));
}

function trellisFormat(width: number): TensorFormat {
  const bits = stateBits(width);
  const steps = pattern(width);
  let viterbi: Viterbi | undefined; // a megabyte of levels and costs, made when needed
  let levels: Float64Array | undefined;
  const coder = () => (viterbi ??= new Viterbi(bits, steps, trellisLevels(bits, width)));
  const rowBytes = (columns: number) => SCALE_F32.bytes + (columns * width) / 8;
  return tensorFormat({
    name: `TRELLIS_${width.toFixed(2)}`,
    block: 'channel',
    multiple: MULTIPLE,
    storedBytes: (rows, columns) => rows * rowBytes(columns),
    passes: (_bytes, columns) => {
      levels ??= windowLevels(trellisLevels(bits, width), bits);
      const scale = { type: SCALE_F32, at: 0 };
      const windows = { steps, block: BLOCK };
      const group = { group: columns, start: 0, stride: rowBytes(columns), codesAt: SCALE_F32.bytes };
      return [{ ...group, scale, bits, windows, levels }];
    },
    encode(values, columns, bytes, importance) {
      const x = new Float64Array(columns);
      const w = new Float64Array(columns);
      for (let row = 0, at = 0; row < values.length; row += columns, at += rowBytes(columns)) {
        loadBlock(values, importance, row, columns, x, w);
        encodeRow(coder(), x, w, width, bytes, at);
      }
    },
    decode(bytes, columns, values) {
      for (let row = 0, at = 0; row < values.length; row += columns, at += rowBytes(columns)) {
        const scale = readScale(SCALE_F32, bytes, at);
        for (let i = 0, from = at + SCALE_F32.bytes; i < columns; i += BLOCK) {
          const block = values.subarray(row + i, row + Math.min(i + BLOCK, columns));
          const length = (block.length * width) / 8;
          coder().levelsOf(bytes.subarray(from, from + length), block);
          for (let k = 0; k < block.length; k++) block[k] *= scale;
          from += length;
        }
      }
    },
  });
}

/** Levels by the last bits of the stream as a number whose lowest bit came first; in a state it is the highest. */
function windowLevels(levels: Float32Array, bits: number): Float64Array {
  return Float64Array.from(levels, (_, window) => {
    let state = 0;
    for (let bit = 0; bit < bits; bit++) state = 2 * state + ((window >> bit) & 1);
    return levels[state];
  });
}

/** Paths under the scale that gives the row unit variance, then the scale that fits the paths. */
function encodeRow(
  coder: Viterbi,
  x: Float64Array,
  w: Float64Array,
  width: number,
  bytes: Uint8Array,
  at: number,
): void {
  let energy = 0;
  let weight = 0;
  for (let i = 0; i < x.length; i++) {
    energy += w[i] * x[i] * x[i];
    weight += w[i];
  }
  const deviation = Math.sqrt(energy / weight);
  if (!(deviation > 0)) return;
  const target = x.map((value) => value / deviation);
  let xq = 0;
  let qq = 0;
  for (let i = 0, from = at + SCALE_F32.bytes; i < x.length; i += BLOCK) {
    const end = Math.min(i + BLOCK, x.length);
    const part = bytes.subarray(from, from + ((end - i) * width) / 8);
    const levels = new Float32Array(end - i);
    coder.encode(target.subarray(i, end), w.subarray(i, end), part);
    coder.levelsOf(part, levels);
    for (let k = 0; k < levels.length; k++) {
      xq += w[i + k] * x[i + k] * levels[k];
      qq += w[i + k] * levels[k] * levels[k];
    }
    from += part.length;
  }
  writeScale(SCALE_F32, SCALE_F32.code(xq > 0 ? xq / qq : 0), bytes, at);
}

/** 1.5 to 5 bits in steps of a quarter. */
export const trellises: readonly TensorFormat[] = Array.from({ length: 15 }, (_, i) => trellisFormat(1.5 + i / 4));
