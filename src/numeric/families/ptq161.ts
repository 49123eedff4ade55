import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { integerElement, tableElement } from '../elements.ts';
import { VALUES_TOGETHER } from '../groups.ts';
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
  passes(bytes, columns) {
    const parts = partsOf(readMask(bytes, columns));
    const stride = parts[0].codec.bytes + parts[1].codec.bytes;
    let start = packedBytes(columns, 1);
    return parts.flatMap(({ codec, picked: places }) => {
      const passes = codec.passes!(start).map((pass) => ({ ...pass, stride, columns: { of: columns, places } }));
      start += codec.bytes;
      return passes;
    });
  },
  encode(values, columns, bytes, importance, backend) {
    const order = columnOrder(values, columns, importance);
    const mask = new Uint8Array(columns);
    const { salient } = split(columns);
    for (const column of order.slice(0, salient)) mask[column] = 1;
    packBits(mask, 0, columns, 1, bytes, 0);
    const parts = partsOf(mask);
    const stride = parts[0].codec.bytes + parts[1].codec.bytes;
    const together = Math.max(1, Math.floor(VALUES_TOGETHER / columns)) * columns;
    let first = packedBytes(columns, 1);
    for (let from = 0; from < values.length; from += together) {
      const rows = values.subarray(from, from + together);
      const weights = importance?.subarray(from, from + together);
      let at = first;
      for (const { codec, picked } of parts) {
        const encoded = new Uint8Array((rows.length / columns) * codec.bytes);
        codec.encode(pick(rows, columns, picked), weights && pick(weights, columns, picked), encoded, backend);
        for (let k = 0; k * codec.bytes < encoded.length; k++)
          bytes.set(encoded.subarray(k * codec.bytes, (k + 1) * codec.bytes), at + k * stride);
        at += codec.bytes;
      }
      first += (rows.length / columns) * stride;
    }
  },
  decode(bytes, columns, values) {
    const parts = partsOf(readMask(bytes, columns));
    let at = packedBytes(columns, 1);
    for (let row = 0; row < values.length; row += columns) {
      for (const { codec, picked } of parts) {
        const part = new Float32Array(picked.length);
        codec.decode(bytes, at, part, 0);
        picked.forEach((column, i) => {
          values[row + column] = part[i];
        });
        at += codec.bytes;
      }
    }
  },
});

function codecOf(element: typeof salientElement, group: number): ScaledCodec {
  return new ScaledCodec({ element, scale: SCALE_F16 }, group);
}

/** Columns that share a scale in every row. */
interface Part {
  readonly codec: ScaledCodec;
  readonly picked: Uint32Array;
}

/** The two groups of every row. */
function partsOf(mask: Uint8Array): readonly [Part, Part] {
  const { salient, rest } = split(mask.length);
  const parts: [Part, Part] = [
    { codec: codecOf(salientElement, salient), picked: new Uint32Array(salient) },
    { codec: codecOf(signElement, rest), picked: new Uint32Array(rest) },
  ];
  const found = [0, 0];
  for (let column = 0; column < mask.length; column++) {
    const k = 1 - mask[column];
    parts[k].picked[found[k]++] = column;
  }
  return parts;
}

/** The mask as `decode` takes it. */
function readMask(bytes: Uint8Array, columns: number): Uint8Array {
  const mask = new Uint8Array(columns);
  unpackBits(bytes, 0, columns, 1, mask);
  repairMask(mask, split(columns).salient);
  return mask;
}

/** Some columns of rows. */
function pick(values: Float32Array, columns: number, picked: Uint32Array): Float32Array {
  const found = new Float32Array((values.length / columns) * picked.length);
  for (let row = 0, at = 0; row < values.length; row += columns)
    for (const column of picked) found[at++] = values[row + column];
  return found;
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
