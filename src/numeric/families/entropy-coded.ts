import { FormatError } from '../../core/errors.ts';
import { packBits, packedBytes, unpackBits } from '../bits.ts';
import { decodeCodes, encodeCodes, mostBytes } from '../entropy/code-matrix.ts';
import { Q4_0 } from '../formats/q4_0.ts';
import { Q4_K } from '../formats/q4_k.ts';
import { Q8_0 } from '../formats/q8_0.ts';
import { SCALE_F16, SCALE_F32 } from '../scales.ts';
import { blockedTensor, variableTensor } from '../tensor.ts';
import type { NumberFormat, TensorFormat } from '../types.ts';
import { integerFormat } from './integer.ts';
import type { Family } from './types.ts';

/** A format whose bytes are units of scales followed by packed codes, the first in the lowest bits. */
interface Layout {
  readonly inner: TensorFormat;
  readonly headerBytes: number;
  readonly bits: number;
  /** Codes of a unit, for rows of so many columns. */
  unit(columns: number): number;
}

/**
 *   0          4              4 + n
 *   ├ n  u32 ──┼ coded scales ┼ coded codes ┤
 * Bytes of scales are a matrix of 8-bit codes, codes are another: `entropy/code-matrix.ts`. A row of either is a row of the
 * tensor, so that classes of columns are classes of columns (in the order in which the inner format packs them).
 */
function entropyCoded(name: string, { inner, headerBytes, bits, unit }: Layout): TensorFormat {
  const parts = (rows: number, columns: number) => {
    const count = unit(columns);
    return {
      count,
      headers: { rows, columns: (headerBytes * columns) / count, bits: 8 },
      codes: { rows, columns, bits },
    };
  };
  return variableTensor({
    name,
    block: inner.block,
    inner,
    storedBytes(rows, columns) {
      const { headers, codes } = parts(rows, columns);
      return 4 + mostBytes(headers) + mostBytes(codes);
    },
    encode(values, columns, importance, searcher) {
      const { count, headers, codes } = parts(values.length / columns, columns);
      const units = split(inner.encode(values, columns, importance, searcher), values.length, headerBytes, bits, count);
      const first = encodeCodes(headers, units.headers);
      const second = encodeCodes(codes, units.codes);
      const bytes = new Uint8Array(4 + first.length + second.length);
      new DataView(bytes.buffer).setUint32(0, first.length, true);
      bytes.set(first, 4);
      bytes.set(second, 4 + first.length);
      return bytes;
    },
    decode(bytes, columns, values) {
      const { count, headers, codes } = parts(values.length / columns, columns);
      if (bytes.length < 4) throw new FormatError(`${name}: ${bytes.length} bytes, expected at least 4`);
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      if (length > bytes.length - 4)
        throw new FormatError(`${name}: ${length} bytes of scales announced, ${bytes.length - 4} are there`);
      const units = {
        headers: new Uint8Array(headers.rows * headers.columns),
        codes: new Uint8Array(values.length),
      };
      decodeCodes(headers, bytes.subarray(4, 4 + length), units.headers);
      decodeCodes(codes, bytes.subarray(4 + length), units.codes);
      inner.decode(join(units, headerBytes, bits, count), columns, values);
    },
  });
}

function split(bytes: Uint8Array, values: number, headerBytes: number, bits: number, count: number) {
  const units = values / count;
  const stride = headerBytes + packedBytes(count, bits);
  const headers = new Uint8Array(units * headerBytes);
  const codes = new Uint8Array(values);
  for (let i = 0; i < units; i++) {
    headers.set(bytes.subarray(i * stride, i * stride + headerBytes), i * headerBytes);
    unpackBits(bytes, i * stride + headerBytes, count, bits, codes, i * count);
  }
  return { headers, codes };
}

function join(
  { headers, codes }: { headers: Uint8Array; codes: Uint8Array },
  headerBytes: number,
  bits: number,
  count: number,
): Uint8Array {
  const units = codes.length / count;
  const stride = headerBytes + packedBytes(count, bits);
  const bytes = new Uint8Array(units * stride);
  for (let i = 0; i < units; i++) {
    bytes.set(headers.subarray(i * headerBytes, (i + 1) * headerBytes), i * stride);
    packBits(codes, i * count, count, bits, bytes, i * stride + headerBytes);
  }
  return bytes;
}

const GROUP = 128;

function block(inner: NumberFormat, headerBytes: number, bits: number): TensorFormat {
  const layout = { inner: blockedTensor(inner), headerBytes, bits, unit: () => inner.blockSize };
  return entropyCoded(`${inner.name}_RANS`, layout);
}

export const entropyCodes: Family = {
  name: 'entropy-coded',
  branch: 'custom',
  title: 'Codes of integer formats without loss in fewer bytes, by classes of rows and columns',
  equation: 'Σ_ij −log2 p(q_ij | class of row i, class of column j) + tables + classes; never above packed + 6 bytes',
  source:
    'Duda, “Asymmetric numeral systems”, 2013; Chakrabarti et al., “Fully Automatic Cross-Associations”, KDD 2004',
  formats: [
    ...[2, 3, 4, 8].map((bits) => {
      const inner = integerFormat({ bits, kind: 'signed', group: GROUP, scale: SCALE_F16 }) as NumberFormat;
      return block(inner, SCALE_F16.bytes, bits);
    }),
    ...[4, 8].map((bits) => {
      const inner = integerFormat({ bits, kind: 'signed', group: 'channel', scale: SCALE_F32 }) as TensorFormat;
      const layout = { inner, headerBytes: SCALE_F32.bytes, bits, unit: (columns: number) => columns };
      return entropyCoded(`${inner.name}_RANS`, layout);
    }),
    block(Q8_0, 2, 8),
    block(Q4_0, 2, 4),
    block(Q4_K, 16, 4),
  ],
};
