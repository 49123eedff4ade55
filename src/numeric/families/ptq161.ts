import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { integerElement, tableElement } from '../elements.ts';
import { ScaledCodec } from '../scaled.ts';
import { SCALE_F16 } from '../scales.ts';
import { loadBlock } from '../search/block.ts';
import { tensorFormat } from '../tensor.ts';
import type { TensorFormat } from '../types.ts';

/**
 *   ├ mask, a bit per column ┼ per row: f16, 4-bit codes of the salient columns; f16, signs of the others ┤
 * A structured mask: one fifth of the input channels keeps 4 bits, the rest its signs. With 4096 columns that is
 * 0.2·4 + 0.8·1 + 32/4096 = 1.61 bits.
 * @see Zhao et al., "PTQ1.61: Push the Real Limit of Extremely Low-Bit Post-Training Quantization", ACL 2025, section 3.2
 */
const SALIENT_SHARE = 0.2;
const salientElement = integerElement(4, -8, 7);
const signElement = tableElement([1, -1]);

function split(columns: number): { salient: number; rest: number } {
  const salient = Math.floor(SALIENT_SHARE * columns);
  return { salient, rest: columns - salient };
}

export const PTQ1_61: TensorFormat = tensorFormat({
  name: 'PTQ1_61',
  block: 'channel',
  storedBytes(rows, columns) {
    const { salient, rest } = split(columns);
    return packedBytes(columns, 1) + rows * (codecOf(salientElement, salient).bytes + codecOf(signElement, rest).bytes);
  },
  encode(values, columns, bytes, importance, searcher) {
    const order = columnOrder(values, columns, importance);
    const mask = new Uint8Array(columns);
    const { salient } = split(columns);
    for (const column of order.slice(0, salient)) mask[column] = 1;
    packBits(mask, 0, columns, 1, bytes, 0);
    forRows(mask, values.length, (codec, row, at, picked) => {
      const part = Float32Array.from(picked, (column) => values[row + column]);
      const weights = importance && Float32Array.from(picked, (column) => importance[row + column]);
      codec.encode(part, weights, bytes.subarray(at, at + codec.bytes), searcher);
    });
  },
  decode(bytes, columns, values) {
    const mask = new Uint8Array(columns);
    unpackBits(bytes, 0, columns, 1, mask);
    const { salient } = split(columns);
    repairMask(mask, salient);
    forRows(mask, values.length, (codec, row, at, picked) => {
      const part = new Float32Array(picked.length);
      codec.decode(bytes, at, part, 0);
      picked.forEach((column, i) => {
        values[row + column] = part[i];
      });
    });
  },
});

function codecOf(element: typeof salientElement, group: number): ScaledCodec {
  return new ScaledCodec({ element, scale: SCALE_F16 }, group);
}

/** Visits the two groups of every row. */
function forRows(
  mask: Uint8Array,
  length: number,
  visit: (codec: ScaledCodec, row: number, at: number, columns: number[]) => void,
): void {
  const all = Array.from(mask.keys());
  const parts = [all.filter((column) => mask[column] === 1), all.filter((column) => mask[column] === 0)];
  const codecs = [codecOf(salientElement, parts[0].length), codecOf(signElement, parts[1].length)];
  let at = packedBytes(mask.length, 1);
  for (let row = 0; row < length; row += mask.length) {
    codecs.forEach((codec, k) => {
      visit(codec, row, at, parts[k]);
      at += codec.bytes;
    });
  }
}

/** Columns by falling Σ importance·(|x| − a)², a the row's mean magnitude: what signs alone would lose. */
function columnOrder(values: Float32Array, columns: number, importance?: Float32Array): number[] {
  const loss = new Float64Array(columns);
  const x = new Float64Array(columns);
  const w = new Float64Array(columns);
  for (let row = 0; row < values.length; row += columns) {
    loadBlock(values, importance, row, columns, x, w);
    let sum = 0;
    let weight = 0;
    for (let i = 0; i < columns; i++) {
      sum += w[i] * Math.abs(x[i]);
      weight += w[i];
    }
    for (let i = 0; i < columns; i++) loss[i] += w[i] * (Math.abs(x[i]) - sum / weight) ** 2;
  }
  return Array.from(loss.keys()).sort((a, b) => loss[b] - loss[a] || a - b);
}

/** A damaged mask still names as many columns as the bytes hold: what is too many goes from the front, what lacks comes from the back. */
function repairMask(mask: Uint8Array, salient: number): void {
  let excess = mask.reduce((sum, bit) => sum + bit, 0) - salient;
  for (let i = 0; excess > 0; i++) {
    excess -= mask[i];
    mask[i] = 0;
  }
  for (let i = mask.length - 1; excess < 0; i--) {
    excess += 1 - mask[i];
    mask[i] = 1;
  }
}
