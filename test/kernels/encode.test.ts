import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { EncodeBackend } from '../../src/numeric/backend.ts';
import { isBlocked, registry } from '../../src/numeric/registry.ts';
import { onEveryBuild } from './support.ts';

const entries = [...registry.values()].filter(({ format }) => !isBlocked(format) || format.encodeBlocks !== undefined);

/** Row length: vectors, groups and blocks fit into it, and trellises are slow. */
const COLUMNS = 256;

/** A row of ordinary values, one of few distinct ones with ties, and one with NaN, ±Inf, zeros and an outlier. */
function rows(random: Random): { values: Float32Array; importance: Float32Array } {
  const values = Float32Array.from({ length: 3 * COLUMNS }, (_, i) => {
    if (i < COLUMNS) return 0.02 * random.normal();
    return i < 2 * COLUMNS ? Math.round(4 * random.normal()) / 8 : random.normal();
  });
  values.set([Number.NaN, Infinity, -Infinity, 60], 2 * COLUMNS + 5);
  values.fill(0, 2 * COLUMNS + 64, 2 * COLUMNS + 128);
  const importance = values.map(() => Math.exp(1.5 * random.normal()));
  importance.set([Number.NaN, Infinity, -1, 0], COLUMNS + 9);
  return { values, importance };
}

/** The backend, and how often it was asked. */
function counted(backend: EncodeBackend): { backend: EncodeBackend; calls: () => number } {
  let calls = 0;
  const count = (target: EncodeBackend, key: keyof EncodeBackend) => {
    calls++;
    return target[key];
  };
  return { backend: new Proxy(backend, { get: count as ProxyHandler<EncodeBackend>['get'] }), calls: () => calls };
}

test('every format but F32, whose bytes are copied, encodes on kernels to the bytes of its definition, on every build', async () => {
  const { values, importance } = rows(new Random(21));
  const expected = entries.map(({ tensor }) =>
    [importance, undefined].map((weights) => tensor.encode(values, COLUMNS, weights)),
  );
  let cases = 0;
  await onEveryBuild((kernels) => {
    const failures: string[] = [];
    for (const [k, entry] of entries.entries()) {
      const { backend, calls } = counted(kernels);
      const found = [importance, undefined].map((weights) => entry.tensor.encode(values, COLUMNS, weights, backend));
      const same = found.every((bytes, i) => Buffer.compare(bytes, expected[k][i]) === 0);
      if (!same) failures.push(`${kernels.name}, ${entry.format.name}: other bytes`);
      if (calls() > 0 !== (entry.format.name !== 'F32'))
        failures.push(`${entry.format.name}: ${calls()} calls of kernels`);
      cases++;
    }
    assert.deepEqual(failures, []);
  });
  assert.equal(cases, 3 * entries.length);
  assert.ok(entries.length >= 420, `${entries.length} formats`);
});
