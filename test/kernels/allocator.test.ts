import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { Allocator } from '../../src/kernels/wasm/allocator.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';

function allocator(maximumBytes = 2 ** 26): Allocator {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: maximumBytes / 65536, shared: true });
  return new Allocator(memory, 1000, maximumBytes);
}

test('allocations are aligned to 64 bytes and never overlap; freeing all leaves one piece', () => {
  const random = new Random(20);
  const pool = allocator();
  const live = new Map<number, number>();
  let cases = 0;
  for (let round = 0; round < 3000; round++) {
    if (live.size > 0 && random.uniform() < 0.48) {
      const address = [...live.keys()][random.integer(live.size)];
      pool.free(address);
      live.delete(address);
    } else {
      const size = random.integer(5000);
      const address = pool.allocate(size);
      assert.equal(address % 64, 0);
      assert.ok(address >= 1000 && address + size <= pool.memory.buffer.byteLength);
      for (const [other, length] of live) assert.ok(address + size <= other || other + length <= address);
      live.set(address, Math.max(1, size));
    }
    cases++;
  }
  assert.equal(cases, 3000);
  for (const address of live.keys()) pool.free(address);
  assert.equal(pool.statistics.used, 0);
  const grown = pool.memory.buffer.byteLength;
  pool.allocate(pool.statistics.peak);
  assert.equal(pool.memory.buffer.byteLength, grown);
});

test('scopes free what they hold, nested and after an exception; the peak stays', () => {
  const pool = allocator();
  const outside = pool.allocate(64);
  pool.scope(() => {
    pool.allocate(640);
    pool.scope(() => pool.allocate(6400));
    pool.free(pool.allocate(64));
    assert.equal(pool.statistics.used, 704);
  });
  assert.throws(
    () =>
      pool.scope(() => {
        pool.allocate(64);
        throw new Error('inside');
      }),
    /inside/,
  );
  assert.deepEqual(pool.statistics, { used: 64, peak: 7104 });
  pool.free(outside);
  assert.throws(() => pool.free(outside), /is not allocated: it was freed twice/);
  assert.throws(() => pool.scope(async () => 1), /asynchronous/);
});

test('exhausted memory is a RangeError and leaves the rest usable', async () => {
  const kernels = await createWasmKernels({ threads: 1, maximumBytes: 32 * 2 ** 20 });
  assert.throws(() => kernels.f32(10 * 2 ** 20), /kernel memory is exhausted: 41943040 bytes do not fit/);
  const x = kernels.f32(2 ** 20).fill(1);
  const { used } = kernels.memory();
  assert.equal(used, 2 ** 22);
  // Memory has grown since: arrays of before stay valid.
  const y = kernels.f32(4 * 2 ** 20);
  kernels.add(x, x);
  assert.equal(x[2 ** 20 - 1], 2);
  kernels.free(y);
  y.fill(5, 0, 0);
  assert.equal(
    kernels.f32(100).every((value) => value === 0),
    true,
  );
  kernels.close();
});
