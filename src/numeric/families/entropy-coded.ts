import { FormatError } from '../../core/errors.ts';
import { plainBackend } from '../backend.ts';
import { decodeCodes, encodeCodes, mostBytes } from '../entropy/code-matrix.ts';
import { plainCoder } from '../entropy/coder.ts';
import type { EntropyCoder, Units } from '../entropy/types.ts';
import { unitBytes } from '../entropy/units.ts';
import { Q4_0 } from '../formats/q4_0.ts';
import { Q4_K } from '../formats/q4_k.ts';
import { Q8_0 } from '../formats/q8_0.ts';
import { SCALE_F16, SCALE_F32 } from '../scales.ts';
import { isBlocked } from '../table.ts';
import { blockedTensor, variableTensor } from '../tensor.ts';
import type { NumberFormat, TensorFormat } from '../types.ts';
import { integerFormat } from './integer.ts';
import type { Family } from './types.ts';

/** A format whose bytes are units of scales followed by packed codes, the first in the lowest bits. */
interface Layout {
  readonly format: NumberFormat | TensorFormat;
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
function entropyCoded({ format, headerBytes, bits, unit }: Layout): TensorFormat {
  const name = `${format.name}_RANS`;
  const inner = isBlocked(format) ? blockedTensor(format) : format;
  const parts = (rows: number, columns: number) => {
    const codes = unit(columns);
    const units: Units = { count: (rows * columns) / codes, headerBytes, bits, codes };
    return {
      units,
      headers: { rows, columns: (headerBytes * columns) / codes, bits: 8 },
      codes: { rows, columns, bits },
    };
  };
  const code = (packed: Uint8Array, columns: number, length: number, coder: EntropyCoder): Uint8Array => {
    const { units, headers, codes } = parts(length / columns, columns);
    const ofHeaders = new Uint8Array(units.count * headerBytes);
    const ofCodes = new Uint8Array(length);
    coder.splitUnits(units, packed, ofHeaders, ofCodes);
    const first = encodeCodes(headers, ofHeaders, coder);
    const second = encodeCodes(codes, ofCodes, coder);
    const bytes = new Uint8Array(4 + first.length + second.length);
    new DataView(bytes.buffer).setUint32(0, first.length, true);
    bytes.set(first, 4);
    bytes.set(second, 4 + first.length);
    return bytes;
  };
  const uncode = (bytes: Uint8Array, columns: number, length: number, coder: EntropyCoder): Uint8Array => {
    const { units, headers, codes } = parts(length / columns, columns);
    if (bytes.length < 4) throw new FormatError(`${name}: ${bytes.length} bytes, expected at least 4`);
    const first = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (first > bytes.length - 4)
      throw new FormatError(`${name}: ${first} bytes of scales announced, ${bytes.length - 4} are there`);
    const ofHeaders = new Uint8Array(units.count * headerBytes);
    const ofCodes = new Uint8Array(length);
    decodeCodes(headers, bytes.subarray(4, 4 + first), ofHeaders, coder);
    decodeCodes(codes, bytes.subarray(4 + first), ofCodes, coder);
    const joined = new Uint8Array(units.count * unitBytes(units));
    coder.joinUnits(units, ofHeaders, ofCodes, joined);
    return joined;
  };
  return variableTensor({
    name,
    block: inner.block,
    inner,
    coded: { format, code, uncode },
    storedBytes(rows, columns) {
      const { headers, codes } = parts(rows, columns);
      return 4 + mostBytes(headers) + mostBytes(codes);
    },
    encode: (values, columns, importance, backend = plainBackend) =>
      code(inner.encode(values, columns, importance, backend), columns, values.length, backend.entropy),
    decode(bytes, columns, values) {
      inner.decode(uncode(bytes, columns, values.length, plainCoder), columns, values);
    },
  });
}

const GROUP = 128;

function block(format: NumberFormat, headerBytes: number, bits: number): TensorFormat {
  return entropyCoded({ format, headerBytes, bits, unit: () => format.blockSize });
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
      const format = integerFormat({ bits, kind: 'signed', group: GROUP, scale: SCALE_F16 }) as NumberFormat;
      return block(format, SCALE_F16.bytes, bits);
    }),
    ...[4, 8].map((bits) => {
      const format = integerFormat({ bits, kind: 'signed', group: 'channel', scale: SCALE_F32 });
      return entropyCoded({ format, headerBytes: SCALE_F32.bytes, bits, unit: (columns) => columns });
    }),
    block(Q8_0, 2, 8),
    block(Q4_0, 2, 4),
    block(Q4_K, 16, 4),
  ],
};
