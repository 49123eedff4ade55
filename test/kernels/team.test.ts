import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Random } from '../../src/core/random.ts';
import type { AttentionShape, Kernels } from '../../src/kernels/contract.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { normal } from './support.ts';

const shape: AttentionShape = { sequences: 2, length: 130, past: 0, capacity: 130, heads: 4, kvHeads: 2, headDim: 32 };

/** Results of every operation on sizes that are shared between threads, by name. */
function everything(on: Kernels): Map<string, Float32Array> {
  const random = new Random(21);
  const results = new Map<string, Float32Array>();
  const array = (length: number) => on.upload(normal(random, length));
  const fractions = (length: number) => on.upload(Float32Array.from({ length }, () => random.uniform()));
  const [m, n, k] = [130, 301, 127];
  for (const product of ['matmulNT', 'matmulNN', 'matmulTN'] as const) {
    const y = array(m * n);
    on[product](array(m * k), array(n * k), y, m, n, k, true);
    results.set(product, y);
  }
  const one = on.f32(9001);
  on.matmulNT(array(300), array(9001 * 300), one, 1, 9001, 300);
  results.set('matmulNT of one row', one);
  const h = on.f32(n * n);
  on.gram(array(400 * n), fractions(400), h, 400, n);
  for (let j = 0; j < n; j++) h[j * n + j] += 50;
  results.set('gram', h.slice());
  const u = on.f32(n * n);
  assert.ok(on.feedbackFactor(h, u, n));
  results.set('feedbackFactor', u);
  const x = array(300 * 1001);
  const y = on.f32(x.length);
  on.rmsNorm(x, array(1001), y, 1001, 1e-5);
  results.set('rmsNorm', y.slice());
  on.rmsNormBackward(x, array(1001), array(x.length), y, 1001, 1e-5);
  results.set('rmsNormBackward', y.slice());
  on.gated(x, y, y, 'silu');
  on.add(y, x);
  on.addBias(y, array(1001));
  results.set('gated, add, addBias', y);
  attend(on, array, results);
  const logits = array(40 * 7001);
  const other = array(logits.length);
  const labels = on.i32(40);
  const result = { kl: on.f32(40), nllP: on.f32(40), nllQ: on.f32(40), agree: on.f32(40) };
  on.compareLogits(logits, other, labels, 7001, result);
  results.set('kl', result.kl);
  const probability = on.f32(7001);
  on.sampledScore(logits, fractions(40), result.nllP, probability, 7001);
  results.set('sampledScore', logits);
  results.set('probability', probability);
  on.logSoftmax(other, 7001);
  results.set('logSoftmax', other);
  return results;
}

function attend(on: Kernels, array: (length: number) => Float32Array, results: Map<string, Float32Array>): void {
  const { sequences, length, heads, kvHeads, headDim } = shape;
  const [queries, keys] = [sequences * length * heads * headDim, sequences * length * kvHeads * headDim];
  const [q, k, v, dOut] = [array(queries), array(keys), array(keys), array(queries)];
  const [out, dq, dk, dv] = [on.f32(queries), on.f32(queries), on.f32(keys), on.f32(keys)];
  on.attention(q, k, v, out, shape);
  on.attentionBackward(q, k, v, dOut, dq, dk, dv, shape);
  for (const [name, values] of Object.entries({ out, dq, dk, dv })) results.set(`attention ${name}`, values);
}

test('results are bit-identical with 1, 2, 3 and 5 threads', async () => {
  let expected: Map<string, Float32Array> | undefined;
  let cases = 0;
  for (const threads of [1, 2, 3, 5]) {
    const kernels = await createWasmKernels({ threads });
    assert.equal(kernels.threads, threads);
    const found = everything(kernels);
    expected ??= new Map([...found].map(([name, values]) => [name, values.slice()]));
    for (const [name, values] of found) {
      const [a, b] = [values, expected.get(name)!].map((f) => new Uint32Array(f.buffer, f.byteOffset, f.length));
      assert.ok(
        a.every((bits, i) => bits === b[i]),
        `${name} differs with ${threads} threads`,
      );
      cases++;
    }
    kernels.close();
  }
  assert.equal(cases, 4 * 17);
});

test('threads do not keep the process alive, and close() refuses later calls', async () => {
  const module = fileURLToPath(new URL('../../src/kernels/wasm/index.ts', import.meta.url));
  const script = `import { createWasmKernels } from ${JSON.stringify(module)};
    const kernels = await createWasmKernels({ threads: 3 });
    const x = kernels.f32(1e6).fill(1);
    kernels.add(x, x);
    console.log(x[999999]);`;
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 60000,
  });
  assert.equal(run.stdout.trim(), '2', run.stderr);
  assert.equal(run.status, 0);
  const kernels = await createWasmKernels({ threads: 2 });
  const x = kernels.f32(4);
  kernels.close();
  assert.throws(() => kernels.add(x, x), /called after close/);
});

test('a kernel that leaves memory is an error, not a hang, on every thread', async () => {
  const { createTeam } = await import('../../src/kernels/wasm/team.ts');
  const { loadBuild } = await import('../../src/kernels/wasm/platform.ts');
  const module = await WebAssembly.compile(await loadBuild('scalar'));
  const team = await createTeam(module, 'scalar', { threads: 2, maximumBytes: 2 ** 26 });
  const beyond = 2 ** 26 - 64;
  assert.throws(() => team.dispatch('add', [beyond, beyond, 1000], 1e9), /memory access out of bounds|trapped/);
  const x = team.allocate(4000);
  new Float32Array(team.memory.buffer, x, 1000).fill(1);
  team.dispatch('add', [x, x, 1000], 1e9);
  assert.ok(new Float32Array(team.memory.buffer, x, 1000).every((value) => value === 2));
  team.close();
});
