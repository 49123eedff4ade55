import assert from 'node:assert/strict';
import { test } from 'node:test';
import { F8_E4M3 } from '../../src/core/minifloat.ts';
import { Random } from '../../src/core/random.ts';
import { minifloatElement } from '../../src/numeric/elements.ts';
import { LARGEST_E4M3, MX_GROUP, mxElements, NV_GROUP, ocpScaleCode } from '../../src/numeric/families/block.ts';
import { minifloats } from '../../src/numeric/families/minifloat.ts';
import { entry } from '../../src/numeric/registry.ts';
import { largestFinite, ScaledCodec } from '../../src/numeric/scaled.ts';
import { SCALE_E4M3, SCALE_E8M0, SCALE_F32 } from '../../src/numeric/scales.ts';
import { golden, goldenFloats } from '../support/golden.ts';

const bytesOf = (file: string) => golden(`block/${file}`);
const floatsOf = (file: string) => goldenFloats(`block/${file}`);
const e2m1 = minifloatElement(minifloats.get('E2M1')!);

/** Values and scale bytes when every group is encoded under the scale that `scaleOf` prescribes. */
function encodeAll(codec: ScaledCodec, input: Float32Array, scaleOf: (largest: number) => number, outer = 1) {
  const bytes = new Uint8Array(codec.bytes);
  const values = new Float32Array(input.length);
  const scales = new Uint8Array(input.length / codec.group);
  for (let i = 0; i < scales.length; i++) {
    const from = i * codec.group;
    const code = scaleOf(largestFinite(input.subarray(from, from + codec.group)));
    bytes.fill(0);
    codec.encodeWith(code, input, from, bytes, 0, outer);
    codec.decode(bytes, 0, values, from, outer);
    scales[i] = bytes[0];
  }
  return { values, scales };
}

function assertSame(found: Float32Array, expected: Float32Array, name: string): void {
  assert.equal(found.length, expected.length);
  const wrong = found.findIndex((value, i) => value !== expected[i]);
  assert.equal(wrong, -1, `${name} value ${wrong}: ${found[wrong]}, expected ${expected[wrong]}`);
}

test('under the scales of OCP MX 1.0 values and scale bytes are those of the golden data', () => {
  const input = floatsOf('input.f32');
  const cases = [...mxElements.slice(0, 5), { name: 'MXFP4', element: e2m1, emax: 2 }];
  for (const { name, element, emax } of cases) {
    const codec = new ScaledCodec({ element, scale: SCALE_E8M0 }, MX_GROUP);
    const { values, scales } = encodeAll(codec, input, (largest) => ocpScaleCode(largest, emax));
    assertSame(values, floatsOf(`${name}.f32`), name);
    assert.deepEqual(scales, bytesOf(`${name}.scales`), name);
  }
  assert.equal(cases.length, 6);
});

test('NVFP4 with its two levels gives the scale bytes of the golden data, and its values to 2^-22', () => {
  const input = floatsOf('input.f32');
  const outer = SCALE_F32.value(SCALE_F32.code(largestFinite(input) / (LARGEST_E4M3 * e2m1.largest)));
  const codec = new ScaledCodec({ element: e2m1, scale: SCALE_E4M3 }, NV_GROUP);
  // plain rounding: small scales become 0 here
  const prescribed = (largest: number) => F8_E4M3.saturate(Math.fround(Math.fround(largest / e2m1.largest) / outer));
  const { values, scales } = encodeAll(codec, input, prescribed, outer);
  assert.deepEqual(scales, bytesOf('NVFP4.scales'));
  // the golden tensor scale is a double, the stored one a float32
  const expected = floatsOf('NVFP4.f32');
  values.forEach((value, i) => {
    assert.ok(
      Math.abs(value - expected[i]) <= 2 ** -22 * Math.abs(expected[i]),
      `value ${i}: ${value}, ${expected[i]}`,
    );
  });
});

test('searched scales have at most the error of the prescribed ones', () => {
  const random = new Random(3);
  const input = Float32Array.from({ length: 64 * MX_GROUP }, () => random.normal() * Math.exp(random.normal()));
  const error = (values: Float32Array) => values.reduce((sum, v, i) => sum + (v - input[i]) ** 2, 0);
  for (const { name, element, emax } of mxElements) {
    const codec = new ScaledCodec({ element, scale: SCALE_E8M0 }, MX_GROUP);
    const prescribed = encodeAll(codec, input, (largest) => ocpScaleCode(largest, emax)).values;
    const searched = new Float32Array(input.length);
    const { tensor } = entry(name);
    tensor.decode(tensor.encode(input, MX_GROUP), MX_GROUP, searched);
    assert.ok(error(searched) <= error(prescribed), name);
  }
});
