import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Program } from '../../src/kernels/program.ts';
import { WorkerDevice } from '../support/worker-device.ts';

/*
 * The test device itself: a job that passes on it has waited for every answer, and read nothing that was given back.
 */

function opened(context: TestContext): WorkerDevice {
  const device = new WorkerDevice({ kernels: 'reference', seed: 1 });
  context.after(() => device.close());
  return device;
}

/** y += x on four numbers. */
const adding: Program = {
  places: [0, 16].map((offset) => ({ kind: 'arena', type: 'f32', shape: [4], offset })),
  calls: [{ kernel: 'add', operands: [0, 1], sizes: {}, attributes: {} }],
  capacities: {},
  arenaBytes: 32,
};

test('memory starts at zero, keeps what was written when it was written, and is read turns later', async (context) => {
  const device = opened(context);
  const buffer = device.allocate(16);
  const values = Float32Array.of(1, 2, 3, 4);
  const [before, after] = [new Float32Array(4), new Float32Array(4)];
  const first = device.read({ buffer }, before);
  device.write({ buffer }, values);
  values.fill(9);
  const second = device.read({ buffer, offset: 4 }, after.subarray(0, 3));
  await Promise.resolve();
  assert.deepEqual([...after], [0, 0, 0, 0]);
  await Promise.all([first, second]);
  assert.deepEqual([...before], [0, 0, 0, 0]);
  assert.deepEqual([...after], [2, 3, 4, 0]);
});

test('answers overtake each other', async (context) => {
  const device = opened(context);
  const buffer = device.allocate(4);
  // On a busy machine answers may come so far apart that each is given before the next arrives.
  let overtaken = false;
  for (let round = 0; round < 100 && !overtaken; round++) {
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        await device.read({ buffer }, new Float32Array(1));
        order.push(i);
      }),
    );
    assert.equal(new Set(order).size, 20);
    overtaken = order.some((number, i) => number !== i);
  }
  assert.ok(overtaken);
});

test('programs are data: they run where their memory lies, and not once it was given back', async (context) => {
  const device = opened(context);
  const arena = device.allocate(adding.arenaBytes);
  const slots = [0, 16].map((offset) => ({ buffer: arena, offset }));
  const executable = device.load(adding, slots);
  device.write(slots[0], Float32Array.of(1, 2, 3, 4));
  device.write(slots[1], Float32Array.of(10, 20, 30, 40));
  executable.run({});
  const sum = new Float32Array(4);
  await device.read(slots[0], sum);
  assert.deepEqual([...sum], [11, 22, 33, 44]);
  const other = device.allocate(4);
  device.free(arena);
  assert.throws(() => device.write({ buffer: arena }, sum), /was freed/);
  executable.run({});
  await assert.rejects(device.read({ buffer: other }, new Float32Array(1)), /memory that was freed/);
});
