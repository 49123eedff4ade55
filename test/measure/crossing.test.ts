import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { boundaryInputs, segment, segmentCount } from '../../src/graph/segments.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { entryMeasurementStore } from '../../src/measure/entry-store.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { scoreCandidates } from '../../src/measure/metrics/score.ts';
import { metricsNamed } from '../../src/measure/metrics/table.ts';
import type { Score } from '../../src/measure/metrics/types.ts';
import { priceRunning } from '../../src/measure/running.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { Measurement } from '../../src/measure/types.ts';
import { edgeOf } from '../../src/model/edge-options.ts';
import { fileBoundaries } from '../../src/run/boundaries.node.ts';
import { hiddenStates } from '../../src/run/forward.ts';
import { type Crossing, crossing, openCrossingEntry } from './crossing.ts';
import { perturbationOf, relativeDistance } from './support.ts';

const kernels = createReferenceKernels();
const folder = mkdtempSync(join(tmpdir(), 'bitbudget-crossing-'));
after(() => rmSync(folder, { recursive: true }));

/** Everything that was measured, by tensor. */
async function contents({ summaries, read }: Measurement) {
  const found = [];
  for (const summary of summaries) found.push({ ...summary, factors: await read(summary.tensor) });
  return found.sort(byTensor);
}

function byTensor(a: { tensor: string }, b: { tensor: string }): number {
  return a.tensor < b.tensor ? -1 : 1;
}

test('gradients of values that several segments read are summed: factors are those of one segment, to 1e-5', async () => {
  const [cut, whole] = [crossing(), crossing(false)];
  const { graph } = cut.model;
  const read = Array.from({ length: segmentCount(graph) }, (_, i) => boundaryInputs(segment(graph, i, i + 1)).length);
  assert.deepEqual(read, [0, 1, 2, 3, 2, 1]);
  const { tokens, seed } = cut;
  const options = { seed, batchTokens: 6 };
  const [a, b] = [
    await contents(await measureModel(kernels, cut.model, tokens, { ...options, store: memoryStore() })),
    await contents(await measureModel(kernels, whole.model, tokens, { ...options, store: memoryStore() })),
  ];
  let compared = 0;
  for (const [i, { tensor, sketch, factors }] of a.entries()) {
    assert.equal(tensor, b[i].tensor);
    assert.ok(relativeDistance(sketch.innerProducts, b[i].sketch.innerProducts) < 1e-5, `${tensor}: inner products`);
    for (const half of ['rounding', 'pricing'] as const)
      for (const [t, term] of factors[half].entries()) {
        assert.ok(relativeDistance(term.a, b[i].factors[half][t].a) < 1e-5, `${tensor}: A`);
        assert.ok(relativeDistance(term.b, b[i].factors[half][t].b) < 1e-5, `${tensor}: b`);
        compared++;
      }
  }
  assert.equal(compared, 2 * 7);
});

test('metrics, prices of activations and states of the network cut and in one segment agree to 1e-5', async () => {
  const [a, b] = [await derived(crossing()), await derived(crossing(false))];
  for (const [name, values] of Object.entries(a)) {
    assert.ok(values.length >= 6 && values.every((value) => Number.isFinite(value)), name);
    const distance = relativeDistance(values, b[name]);
    assert.ok(distance < 1e-5, `${name}: relative distance ${distance}`);
  }
});

/** Numbers of everything that runs the network in segments, by what it is. */
async function derived({ model, tokens, seed }: Crossing): Promise<Record<string, number[]>> {
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const tensors = [...model.tensors.values()].filter(({ shape }) => shape.length === 2);
  const scores = new Map<string, Score[]>();
  const tables = await scoreCandidates(metricsNamed(['measured-kl', 'kl-rows', 'first-order', 'output-error']), {
    kernels,
    model,
    candidates: {
      tensors,
      formats: () => ['Q8_0'],
      delta: async ({ shape, load }) => perturbationOf(await load(), shape[1], 1),
    },
    measurement,
    tokens,
    evaluated: tokens,
    ownText: async () => tokens,
    seed,
    memory: { get: async (key) => scores.get(key), put: async (key, value) => void scores.set(key, value) },
  });
  const sites = tensors.map(({ name }) => ({ site: edgeOf(name), options: ['a4'] }));
  const prices = await priceRunning(kernels, model, tokens, { sites, seed });
  return {
    ...Object.fromEntries(
      [...tables].map(([{ name }, table]) => [name, tensors.map((tensor) => table.get(tensor.name)![0].value)]),
    ),
    activations: prices.map(({ prices: [{ loss }] }) => loss),
    states: [...(await hiddenStates(kernels.device, model, tokens))],
  };
}

test('interrupted at every event, a network whose values cross several cuts ends with the same bytes', async () => {
  const { model, tokens, seed } = crossing();
  let events = 0;
  const options = { seed, batchTokens: 12, onProgress: () => void events++ };
  const expected = await contents(await measureModel(kernels, model, tokens, { ...options, store: memoryStore() }));
  const boundaries = { boundaries: (shape: ReadonlyMap<number, number>) => fileBoundaries(shape, folder) };
  const spilled = await measureModel(kernels, model, tokens, { ...options, ...boundaries, store: memoryStore() });
  assert.deepEqual(await contents(spilled), expected);
  const all = events / 2;
  for (let stop = 1; stop < all; stop++) {
    const store = memoryStore();
    const controller = new AbortController();
    let seen = 0;
    const onProgress = (): void => {
      if (++seen === stop) controller.abort(new Error('stopped'));
    };
    const interrupted = { ...options, store, onProgress, signal: controller.signal };
    await assert.rejects(measureModel(kernels, model, tokens, interrupted), { message: 'stopped' });
    const resumed = await measureModel(kernels, model, tokens, { ...options, store });
    assert.deepEqual(await contents(resumed), expected, `stopped at event ${stop}`);
  }
  // Two batches through four segments, through the last ones, and back.
  assert.equal(all, 2 * (4 + 1 + 4));
});

test('killed with SIGKILL while measuring, it goes on and ends with the same bytes', async () => {
  const { model, tokens, seed } = crossing();
  const undisturbed = await openCrossingEntry(join(folder, 'undisturbed'));
  const whole = entryMeasurementStore(undisturbed);
  const expected = await contents(await measureModel(kernels, model, tokens, { seed, store: whole }));
  const path = join(folder, 'killed');
  const script = fileURLToPath(new URL('./crossing.ts', import.meta.url));
  // On the way forwards; then on the way back, each time one segment further: behind the saved last ones, and so on.
  for (const event of [3, 11, 9, 7]) {
    const child = spawn(process.execPath, [script, path, String(event)], { stdio: ['ignore', 'ignore', 'inherit'] });
    const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
    assert.equal(signal, 'SIGKILL');
  }
  const entry = await openCrossingEntry(path);
  const store = entryMeasurementStore(entry);
  let events = 0;
  const onProgress = (): void => void events++;
  const resumed = await measureModel(kernels, model, tokens, { seed, store, onProgress });
  assert.deepEqual(await contents(resumed), expected);
  // What was left: one segment forwards, two back, in two batches each.
  assert.equal(events, 2 * 3);
  await entry.close();
  await undisturbed.close();
});
