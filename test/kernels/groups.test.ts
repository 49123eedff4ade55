import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { cellsOf } from '../../src/kernels/wasm/cells.ts';
import { type Element, integerElement, minifloatElement, tableElement } from '../../src/numeric/elements.ts';
import { lloydMaxLevels } from '../../src/numeric/families/lloyd-max.ts';
import { minifloats } from '../../src/numeric/families/minifloat.ts';
import { type Entry, entry, registry } from '../../src/numeric/registry.ts';
import { SCALE_F16, SCALE_F32, scaleTypes } from '../../src/numeric/scales.ts';
import { foundGroups } from '../../src/numeric/search/groups/grouped.ts';
import type { GroupSearch } from '../../src/numeric/search/groups/types.ts';
import { onEveryBuild, reference } from './support.ts';

const small = (name: string): Element => minifloatElement(minifloats.get(name)!);

/** Elements of every rounding: integers, with a step too, floats of every convention, tables with and without 0. */
const elements: Readonly<Record<string, Element>> = {
  integers: integerElement(4, -8, 7),
  fractions: integerElement(6, -31, 31, 2 ** -4),
  long: integerElement(16, -32767, 32767),
  E4M3: small('E4M3'),
  E4M3FNUZ: small('E4M3FNUZ'),
  E2M1: small('E2M1'),
  E4M0: small('E4M0'),
  binary: tableElement([1, -1]),
  ternary: tableElement([-1, 0, 1, Number.NaN]),
  'Lloyd–Max': tableElement(lloydMaxLevels(5)),
  powers: tableElement([
    0,
    0.125,
    0.25,
    0.5,
    1,
    -0.0625,
    -0.125,
    -0.25,
    -0.5,
    -1,
    Number.NaN,
    Number.NaN,
    2,
    3,
    -2,
    -3,
  ]),
};

/** Normal values of one magnitude, halves of a step that lie midway between levels, zeros of both signs, NaN and ±Inf. */
function drawn(random: Random, length: number, magnitude: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    if (i % 61 === 60) return [Number.NaN, Infinity, -Infinity, 0, -0][random.integer(5)];
    return magnitude * (i % 3 === 0 ? Math.round(4 * random.normal()) / 8 : random.normal());
  });
}

function drawnImportance(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (i % 53 === 7 ? 0 : Math.exp(1.5 * random.normal())));
}

/** Names of the searches whose results differ from the definition's. */
function differing(
  kernels: typeof reference,
  searches: Readonly<Record<string, GroupSearch>>,
  group: number,
  values: Float32Array,
  importance?: Float32Array,
): string[] {
  return Object.entries(searches).flatMap(([name, search]) => {
    const [found, expected] = [kernels, reference].map((backend) => {
      const room = foundGroups(values.length / group, group);
      backend.encodeGroups(search, group, values, importance, room);
      return room;
    });
    const same = (['scale', 'zero', 'codes'] as const).every(
      (part) => Buffer.compare(new Uint8Array(found[part].buffer), new Uint8Array(expected[part].buffer)) === 0,
    );
    return same ? [] : [`${kernels.name}: ${name}, groups of ${group}`];
  });
}

test('every element under every type of scale: kernels find the scales and codes of the definition, at any magnitude', async () => {
  const random = new Random(31);
  const searches: Record<string, GroupSearch> = {};
  for (const type of scaleTypes) {
    for (const [name, element] of Object.entries(elements)) {
      const outer = type.bytes === 1 ? Math.fround(2 ** (10 * random.normal())) : 1;
      searches[`${name}, ${type.name} × ${outer}`] = { kind: 'levels', element, type, outer };
    }
    for (const bits of [1, 2, 5, 8]) searches[`${bits} bits, ${type.name}`] = { kind: 'zeroPoint', bits, type };
    searches[`nested, ${type.name}`] = { kind: 'nested', narrowing: 'roundAgain', widths: [8, 3], type };
  }
  const inputs = [1, 0.02, 1e-6, 1e-38, 1e-44, 1e6, 1e38].map((magnitude) => drawn(random, 3 * 64, magnitude));
  const importance = drawnImportance(random, 3 * 64);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const values of inputs) {
      assert.deepEqual(differing(kernels, searches, 64, values, importance), []);
      cases += Object.keys(searches).length;
    }
  });
  assert.equal(cases, 3 * inputs.length * 16 * scaleTypes.length);
});

test('groups of any length: one value, odd ones, longer than what kernels hold at a time', async () => {
  const random = new Random(32);
  const searches: Record<string, GroupSearch> = {
    integers: { kind: 'levels', element: elements['integers'], type: SCALE_F16, outer: 1 },
    floats: { kind: 'levels', element: elements['E2M1'], type: SCALE_F32, outer: 1 },
    table: { kind: 'levels', element: elements['Lloyd–Max'], type: SCALE_F16, outer: 1 },
    'zero point': { kind: 'zeroPoint', bits: 4, type: SCALE_F16 },
    nested: { kind: 'nested', narrowing: 'sliceMsb', widths: [8, 4, 2], type: SCALE_F16 },
  };
  const lengths = [1, 2, 3, 7, 37, 1023, 1024, 1025, 1301, 5000];
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const group of lengths) {
      const values = drawn(random, 3 * group, 1);
      assert.deepEqual(differing(kernels, searches, group, values, drawnImportance(random, values.length)), []);
      assert.deepEqual(differing(kernels, searches, group, values), []);
      cases++;
    }
  });
  assert.equal(cases, 3 * lengths.length);
});

/** Formats of rows and of tensors, and how their rows may be long. */
const odd = [...registry.values()].filter(
  ({ format, family }) =>
    'block' in format &&
    /^(channel|tensor)$/.test(format.block) &&
    !['vector', 'entropy-coded'].includes(family.name) &&
    !/_(BF16|UE4M3|F16)$/.test(format.name),
);

function assertSame({ tensor }: Entry, values: Float32Array, columns: number, importance?: Float32Array) {
  const expected = tensor.encode(values, columns, importance);
  return (kernels: typeof reference) =>
    assert.deepEqual(
      tensor.encode(values, columns, importance, kernels),
      expected,
      `${kernels.name}, ${tensor.name}, rows of ${columns}`,
    );
}

test('rows of odd lengths, values of nothing but NaN, and more groups than are searched at a time give the same bytes', async () => {
  const random = new Random(33);
  const rows = [7, 37, 1301].flatMap((columns) => {
    const values = drawn(random, 3 * columns, 0.1);
    const importance = drawnImportance(random, values.length);
    return odd.map((one) => assertSame(one, values, columns, importance));
  });
  const nothing = odd.map((one) => assertSame(one, new Float32Array(64).fill(Number.NaN), 32));
  const many = drawn(random, 2 ** 16 + 3 * 4096, 1);
  const groups = ['INT4_G128', 'UINT4_G128', 'NF4', 'NVFP4_TENSOR', 'MATRYOSHKA_INT8', 'PTQ1_61', 'MXFP4', 'NVFP4'].map(
    (name) => assertSame(entry(name), many, 256),
  );
  const checks = [...rows, ...nothing, ...groups];
  assert.ok(odd.length >= 60, `${odd.length} formats`);
  await onEveryBuild((kernels) => {
    for (const check of checks) check(kernels);
  });
});

/** What a kernel makes of a value: see assembly/search/groups/doubles.scalar.ts and groups.ts. */
function lookedUp(cells: ReturnType<typeof cellsOf>, value: number): { level: number; code: number } {
  const records = new DataView(cells.records);
  const bitsOf = (x: number) => new BigUint64Array(Float64Array.of(x).buffer)[0];
  const cell = (x: number) => Number(bitsOf(x) >> BigInt(cells.shift));
  const magnitude = Math.min(Math.max(Math.abs(value), cells.least), cells.most);
  const at = 32 * (2 * (cell(magnitude) - cell(cells.least)) + (bitsOf(value) >> 63n === 1n ? 1 : 0));
  const isAbove = value > records.getFloat64(at, true);
  return {
    level: records.getFloat64(at + (isAbove ? 16 : 8), true),
    code: records.getUint16(at + (isAbove ? 26 : 24), true),
  };
}

test('cells give every value the level and code of its table, at midpoints and beside them too', () => {
  const random = new Random(34);
  let cases = 0;
  for (const [name, element] of Object.entries(elements)) {
    if (element.rounding.kind !== 'table') continue;
    const cells = cellsOf(element.rounding);
    const near = [...element.rounding.middles].flatMap((x) => [x, x * (1 - 2 ** -52), x * (1 + 2 ** -52), x + 1e-300]);
    const values = [...near, 0, -0, Infinity, -Infinity, ...Array.from({ length: 2000 }, () => 4 * random.normal())];
    for (const value of values) {
      const { level, code } = lookedUp(cells, value);
      assert.equal(code, element.code(value), `${name}: ${value}`);
      assert.ok(level === element.value(code), `${name}: level of ${value}`);
      cases++;
    }
  }
  assert.ok(cases > 5 * 2000, `${cases} cases`);
  assert.throws(
    () =>
      cellsOf({
        kind: 'table',
        levels: Float64Array.of(0, 1, 1 + 2 ** -30),
        codes: Uint16Array.of(0, 1, 2),
        middles: Float64Array.of(0.5, 0.5 + 2 ** -31),
      }),
    /too close/,
  ); // prettier-ignore
});

test('refuses room that is too small, and more widths than there is room for', async () => {
  const search: GroupSearch = { kind: 'levels', element: elements['integers'], type: SCALE_F16, outer: 1 };
  const nested: GroupSearch = { kind: 'nested', narrowing: 'sliceMsb', widths: [8, 6, 4, 2], type: SCALE_F16 };
  const values = new Float32Array(64);
  await onEveryBuild((kernels) => {
    assert.throws(() => kernels.encodeGroups(search, 32, values, undefined, foundGroups(1, 32)), /too little room/);
    assert.throws(
      () => kernels.encodeGroups(search, 24, values, undefined, foundGroups(4, 24)),
      /not whole blocks of 24/,
    );
    assert.throws(() => kernels.encodeGroups(nested, 32, values, undefined, foundGroups(2, 32)), /4 widths/);
  });
});

test('a tensor under one scale takes 10 bytes a value of kernel memory, and gives them back', async () => {
  const { tensor } = entry('TERNARY_I2_S');
  const values = drawn(new Random(35), 2 ** 17, 1);
  const importance = drawnImportance(new Random(36), values.length);
  const expected = tensor.encode(values, 512, importance);
  await onEveryBuild((kernels) => {
    assert.equal(Buffer.compare(tensor.encode(values, 512, importance, kernels), expected), 0);
    const { used, peak } = kernels.memory();
    assert.equal(used, 0);
    assert.ok(peak <= 10 * values.length + 4096, `${peak} bytes for ${values.length} values`);
  });
});
