import { Minifloat, type MinifloatSpec } from '../../core/minifloat.ts';
import { plainBackend } from '../backend.ts';
import { packBits, unpackBits } from '../bits.ts';
import { minifloatCast } from '../casts.ts';
import { minifloatElement } from '../elements.ts';
import { barePass } from '../passes.ts';
import { scaledFormat } from '../scaled.ts';
import { SCALE_F16, SCALE_F32 } from '../scales.ts';
import type { NumberFormat } from '../types.ts';
import type { Family } from './types.ts';

/**
 *   ├ codes, the first in the lowest bits ┤   value = (−1)^s·2^(e − bias)·(1 + m/2^M); e = 0: (−1)^s·2^(1 − bias)·m/2^M
 * A block is as many codes as fill whole bytes. Values are rounded to nearest, ties to even, by themselves: no scale.
 * @see OCP 8-bit Floating Point Specification (OFP8) 1.0, section 5; OCP Microscaling Formats (MX) 1.0, section 5.3
 */
function castFormat(name: string, float: Minifloat, facts: Partial<NumberFormat>): NumberFormat {
  const { bits } = float;
  const blockSize = [1, 8, 4, 8, 2, 8, 4, 8][bits % 8]; // codes that fill whole bytes
  const cast = minifloatCast(float, (values, bytes) => {
    const codes = new Uint8Array(values.length);
    float.encode(values, codes);
    packBits(codes, 0, codes.length, bits, bytes, 0);
  });
  return {
    name,
    blockSize,
    blockBytes: (blockSize * bits) / 8,
    range: [-float.max, float.max],
    passes: barePass(bits, float.values),
    ...facts,
    decodeBlocks(blocks, values) {
      const codes = new Uint8Array(values.length);
      unpackBits(blocks, 0, values.length, bits, codes);
      float.decode(codes, values);
    },
    encodeBlocks: (values, blocks, _importance, backend = plainBackend) => backend.castValues(cast, values, blocks),
  };
}

/** Conventions that the field fixed; every other width has only numbers. @see ml_dtypes for the names */
const KNOWN: readonly [string, MinifloatSpec, Partial<NumberFormat>?][] = [
  ['E3M4', { exponentBits: 3, mantissaBits: 4, specials: 'ieee' }],
  ['E4M3', { exponentBits: 4, mantissaBits: 3, specials: 'ieee' }],
  [
    'E4M3FNUZ',
    { exponentBits: 4, mantissaBits: 3, specials: 'fnuz' },
    { safetensors: 'F8_E4M3FNUZ', onnx: 'FLOAT8E4M3FNUZ' },
  ],
  ['E4M3B11FNUZ', { exponentBits: 4, mantissaBits: 3, specials: 'fnuz', bias: 11 }],
  [
    'E5M2FNUZ',
    { exponentBits: 5, mantissaBits: 2, specials: 'fnuz' },
    { safetensors: 'F8_E5M2FNUZ', onnx: 'FLOAT8E5M2FNUZ' },
  ],
  ['E2M3', { exponentBits: 2, mantissaBits: 3, specials: 'finite' }, { safetensors: 'F6_E2M3' }],
  ['E3M2', { exponentBits: 3, mantissaBits: 2, specials: 'finite' }, { safetensors: 'F6_E3M2' }],
  ['E2M1', { exponentBits: 2, mantissaBits: 1, specials: 'finite' }, { safetensors: 'F4', onnx: 'FLOAT4E2M1' }],
];

const NAMED = new Set([...KNOWN.map(([name]) => name), 'E5M2']);

/** Every ExMy of 3 to 8 bits with a sign: the known ones, and the others without Inf and NaN. */
export const minifloats: ReadonlyMap<string, Minifloat> = new Map([
  ...KNOWN.map(([name, spec]) => [name, new Minifloat(spec)] as const),
  ...[3, 4, 5, 6, 7, 8].flatMap((bits) =>
    Array.from({ length: bits - 1 }, (_, k) => ({ exponentBits: k + 1, mantissaBits: bits - 2 - k }))
      .map((split) => [`E${split.exponentBits}M${split.mantissaBits}`, split] as const)
      .filter(([name]) => !NAMED.has(name))
      .map(([name, split]) => [name, new Minifloat({ ...split, specials: 'finite' })] as const),
  ),
]);

export const minifloatCasts: Family = {
  name: 'minifloat',
  branch: 'floating point',
  title: 'Floats of 3 to 8 bits, each by itself',
  equation: '(−1)^s·2^(e − b)·(1 + m/2^M), below the smallest exponent (−1)^s·2^(1 − b)·m/2^M; b = 2^(E−1) − 1',
  source: 'OCP OFP8 1.0; OCP MX 1.0, section 5.3; Noune et al., 2022 (FNUZ); Sun et al., NeurIPS 2019 (bias 11)',
  formats: [...minifloats].map(([name, float]) => {
    const facts = KNOWN.find(([known]) => known === name)?.[2] ?? {};
    return castFormat(name, float, facts);
  }),
};

/** Widths in use, under a scale: what FP8 and FP6 checkpoints hold. */
const SCALED = ['E4M3FNUZ', 'E3M4', 'E2M3', 'E3M2', 'E2M1', 'E1M2', 'E2M2', 'E3M1'];

export const scaledMinifloats: Family = {
  name: 'scaled minifloat',
  branch: 'floating point',
  title: 'Minifloats under a scale per group, channel or tensor',
  equation: 'x ≈ s·f, f an ExMy; s minimizes Σ w (x − x̂)²',
  source: 'Micikevicius et al., “FP8 Formats for Deep Learning”, 2022, section 3.2; Xia et al., “FP6-LLM”, 2024',
  formats: [
    ...SCALED.flatMap((name) => {
      const element = minifloatElement(minifloats.get(name)!);
      return [
        scaledFormat({ name: `${name}_G128`, element, group: 128, scale: SCALE_F16 }),
        scaledFormat({ name: `${name}_CHANNEL`, element, group: 'channel', scale: SCALE_F32 }),
      ];
    }),
    ...float8Scaled(),
  ],
};

function float8Scaled() {
  const element = minifloatElement(new Minifloat({ exponentBits: 4, mantissaBits: 3, specials: 'fn' }));
  const facts = { element, scale: SCALE_F32, compressedTensors: 'float-quantized', onnx: 'FLOAT8E4M3FN' } as const;
  return [
    scaledFormat({ name: 'E4M3FN_CHANNEL', group: 'channel', ...facts }),
    scaledFormat({ name: 'E4M3FN_TENSOR', group: 'tensor', ...facts }),
  ];
}
