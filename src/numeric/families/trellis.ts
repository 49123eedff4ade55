import { readScale, SCALE_F32, writeScale } from '../scales.ts';
import { PATH_BLOCK, type Trellis } from '../search/sets/paths.ts';
import { type UnitRows, unitRows } from '../search/sets/unit.ts';
import { tensorFormat } from '../tensor.ts';
import type { TensorFormat } from '../types.ts';
import { trellisLevels } from './trellis-code.ts';

/**
 *   per row: ├ f32 scale ┼ blocks of up to 256 values, R bits each ┤   value = scale·level(state)
 * A value's state is the last L bits of its block's circular bit stream: every value adds its own few bits and shares the
 * rest with those before it. Fractional widths alternate between two numbers of bits. Circular (tail-biting) streams need
 * no start state: L bits a block would be 0.06 bits per weight, 8 % of the error.
 * @see Tseng et al., "QTIP: Quantization with Trellises and Incoherence Processing", NeurIPS 2024, sections 3 and 4
 */
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
  let made: Trellis | undefined; // up to a quarter of a megabyte, made when needed
  const trellis = () => (made ??= { bits, steps, levels: trellisLevels(bits, width) });
  let levels: Float64Array | undefined;
  const rowBytes = (columns: number) => SCALE_F32.bytes + (columns * width) / 8;
  return tensorFormat({
    name: `TRELLIS_${width.toFixed(2)}`,
    block: 'channel',
    multiple: MULTIPLE,
    storedBytes: (rows, columns) => rows * rowBytes(columns),
    passes: (_bytes, columns) => {
      levels ??= windowLevels(trellis().levels, bits);
      const scale = { type: SCALE_F32, at: 0 };
      const windows = { steps, block: PATH_BLOCK };
      const group = { group: columns, start: 0, stride: rowBytes(columns), codesAt: SCALE_F32.bytes };
      return [{ ...group, scale, bits, windows, levels }];
    },
    encode(values, columns, bytes, importance, backend) {
      for (const rows of unitRows(values, importance, columns)) {
        const states = new Uint16Array(rows.x.length);
        backend.nearestPaths({ trellis: trellis(), columns, x: rows.x, w: rows.w, states });
        rows.deviation.forEach((deviation, r) => {
          const at = (rows.first + r) * rowBytes(columns);
          if (deviation > 0) writeRow(trellis(), rows, r, states, bytes.subarray(at, at + rowBytes(columns)));
        });
      }
    },
    decode(bytes, columns, values) {
      const states = new Uint16Array(columns);
      for (let row = 0, at = 0; row < values.length; row += columns, at += rowBytes(columns)) {
        const scale = readScale(SCALE_F32, bytes, at);
        readStates(trellis(), bytes.subarray(at + SCALE_F32.bytes, at + rowBytes(columns)), states);
        for (let i = 0; i < columns; i++) values[row + i] = scale * trellis().levels[states[i]];
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

/** The row's own bits of its states, and the scale that fits their levels. */
function writeRow({ steps, levels }: Trellis, rows: UnitRows, r: number, states: Uint16Array, bytes: Uint8Array): void {
  const columns = states.length / rows.deviation.length;
  const start = r * columns;
  let xq = 0;
  let qq = 0;
  for (let i = 0, at = 8 * SCALE_F32.bytes; i < columns; i++) {
    const state = states[start + i];
    const q = levels[state];
    const wq = rows.w[start + i] * q;
    xq += wq * rows.x[start + i];
    qq += wq * q;
    for (let bit = steps[i % steps.length] - 1; bit >= 0; bit--, at++)
      bytes[at >> 3] |= ((state >>> bit) & 1) << (at & 7);
  }
  writeScale(SCALE_F32, SCALE_F32.code(xq > 0 ? (rows.deviation[r] * xq) / qq : 0), bytes, 0);
}

/** States of a row's circular bit streams. */
function readStates({ bits, steps }: Trellis, bytes: Uint8Array, states: Uint16Array): void {
  const bitsOfFour = steps.reduce((sum, k) => sum + k, 0);
  const mask = 2 ** bits - 1;
  for (let i = 0, at = 0; i < states.length; i += PATH_BLOCK) {
    const end = Math.min(i + PATH_BLOCK, states.length);
    const after = at + ((end - i) * bitsOfFour) / steps.length;
    let state = 0;
    for (let before = after - bits; before < after; before++)
      state = 2 * state + ((bytes[before >> 3] >> (before & 7)) & 1);
    for (let k = i; k < end; k++) {
      for (let left = steps[k % steps.length]; left > 0; left--, at++)
        state = ((state << 1) | ((bytes[at >> 3] >> (at & 7)) & 1)) & mask;
      states[k] = state;
    }
  }
}

/** 1.5 to 5 bits in steps of a quarter. */
export const trellises: readonly TensorFormat[] = Array.from({ length: 15 }, (_, i) => trellisFormat(1.5 + i / 4));
