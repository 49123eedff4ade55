import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GraphBuilder } from '../../src/graph/build.ts';
import { aligned, type Schedule, schedule } from '../../src/graph/schedule.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import type { Slot } from '../../src/kernels/device.ts';
import { bytesOfType, countOf, type Program, type Sizes } from '../../src/kernels/program.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { evaluated, type RandomGraph, randomGraphs, randomInputs, target } from './random.ts';

const kernels = createReferenceKernels();
const { device } = kernels;
/** Rows that programs are made for; they run with fewer. */
const CAPACITIES: Sizes = { tokens: 6 };
const RUNS = 400;

/** A program with memory full of NaN, so that nothing is right by being zero. */
class Loaded {
  readonly scheduled: Schedule;
  readonly #slots: readonly Slot[];
  readonly #run: (sizes: Sizes) => void;
  readonly #graph: Graph;

  constructor(graph: Graph, kept: readonly ValueId[], tensors: ReadonlyMap<string, ArrayBufferView>) {
    this.#graph = graph;
    this.scheduled = schedule(graph, target, CAPACITIES, kept);
    const { program } = this.scheduled;
    const arena = device.allocate(program.arenaBytes);
    device.write({ buffer: arena }, new Uint8Array(program.arenaBytes).fill(0xff));
    this.#slots = program.places.map((place): Slot => {
      if (place.kind === 'arena') return { buffer: arena, offset: place.offset };
      assert.equal(place.kind, 'weight');
      const values = tensors.get((place as { tensor: string }).tensor)!;
      const buffer = device.allocate(values.byteLength);
      device.write({ buffer }, values);
      return { buffer };
    });
    const executable = device.load(program, this.#slots);
    this.#run = (sizes) => executable.run(sizes);
  }

  /** Writes the inputs and runs. @param inputs by name */
  run(inputs: ReadonlyMap<string, ArrayBufferView>, rows: number): void {
    for (const [id, value] of this.#graph.values.entries()) {
      const operand = value.source === 'input' ? this.scheduled.operandOf(id) : undefined;
      if (value.source === 'input' && operand !== undefined)
        device.write(this.#slots[operand], inputs.get(value.name)!);
    }
    this.#run({ tokens: rows });
  }

  async read(value: ValueId, length: number): Promise<Float32Array> {
    const numbers = new Float32Array(length);
    await device.read(this.#slots[this.scheduled.operandOf(value)!], numbers);
    return numbers;
  }
}

const everyGraph = async (check: (random: RandomGraph, seed: number) => Promise<void>): Promise<void> => {
  let runs = 0;
  const property = fc.asyncProperty(randomGraphs, fc.nat(), async (random, seed) => {
    await check(random, seed);
    runs++;
  });
  await fc.assert(property, { numRuns: RUNS, seed: 1 });
  assert.equal(runs, RUNS);
};

test('outputs and taps of random graphs are those of values that each have their own memory, bit for bit', async () => {
  await everyGraph(async (random, seed) => {
    const { graph, taps, rows } = random;
    const loaded = new Loaded(graph, taps, randomInputs(random, seed));
    // The second run finds what the first left behind.
    for (const inputs of [randomInputs(random, seed), new Map([...randomInputs(random, seed + 1), ...tensorsOf()])]) {
      loaded.run(inputs, rows);
      const expected = evaluated(kernels, random, inputs);
      for (const value of [...graph.outputs, ...taps]) {
        const numbers = expected.get(value)!;
        assert.deepEqual(await loaded.read(value, numbers.length), numbers, `value ${value}`);
      }
    }

    function tensorsOf(): [string, Float32Array | Int32Array][] {
      return [...randomInputs(random, seed)].filter(([name]) => /^(w|bias|gain)/.test(name));
    }
  });
});

/** First and last call that touches each place of the arena. */
function lifetimes({ places, calls }: Program): Map<number, { from: number; to: number }> {
  const found = new Map<number, { from: number; to: number }>();
  for (const [at, { operands }] of calls.entries())
    for (const operand of operands)
      if (places[operand]?.kind === 'arena') found.set(operand, { from: found.get(operand)?.from ?? at, to: at });
  return found;
}

test('places whose lifetimes meet share no byte, begin at whole lines of 64 bytes, and fill the arena', async () => {
  let pairs = 0;
  await everyGraph(async ({ graph, taps }) => {
    const { program, operandOf } = schedule(graph, target, CAPACITIES, taps);
    const lives = lifetimes(program);
    const from = (id: ValueId): void =>
      void lives.set(operandOf(id)!, { from: -1, to: lives.get(operandOf(id)!)?.to ?? -1 });
    for (const [id, value] of graph.values.entries())
      if (value.source === 'input' && operandOf(id) !== undefined) from(id);
    for (const id of [...graph.outputs, ...taps]) {
      const operand = operandOf(id)!;
      lives.set(operand, { from: lives.get(operand)?.from ?? -1, to: program.calls.length });
    }
    const spans = [...lives].map(([operand, life]) => {
      const place = program.places[operand] as Extract<Program['places'][number], { kind: 'arena' }>;
      const bytes = aligned(bytesOfType[place.type] * countOf(place.shape, CAPACITIES));
      assert.equal(place.offset % 64, 0);
      return { ...life, start: place.offset, end: place.offset + bytes };
    });
    assert.ok(spans.every(({ end }) => end <= program.arenaBytes));
    for (const [i, a] of spans.entries())
      for (const b of spans.slice(0, i)) {
        if (a.to < b.from || b.to < a.from) continue;
        assert.ok(a.end <= b.start || b.end <= a.start, 'two places that live together share bytes');
        pairs++;
      }
  });
  assert.ok(pairs > 10 * RUNS, `${pairs} pairs`);
});

/** x, scaled `count` times in a row, and all values on the way. */
function chain(count: number): { graph: Graph; values: ValueId[] } {
  const build = new GraphBuilder();
  const values = [build.input('x', 'f32', [{ of: 'tokens', times: 1 }, 16])];
  for (let i = 0; i < count; i++) values.push(build.node('scale', [values[i]], { factor: 0.5 }));
  return { graph: build.finish([values.at(-1)!]), values };
}

const LINE = aligned(4 * 16 * 6);

test('a chain of ops in place takes one place; what is kept on the way takes one more, and stays', async () => {
  const { graph, values } = chain(8);
  const x = Float32Array.from({ length: 6 * 16 }, (_, i) => i + 1);
  for (const [kept, places] of [
    [[], 1],
    [[values[3]], 2],
    [[values[0], values[3], values[5]], 4],
  ] as const) {
    const loaded = new Loaded(graph, kept, new Map());
    const { program } = loaded.scheduled;
    assert.equal(program.arenaBytes, places * LINE);
    assert.equal(program.calls.filter(({ kernel }) => kernel === 'copy').length, places - 1);
    loaded.run(new Map([['x', x]]), 6);
    for (const value of [...kept, ...graph.outputs]) {
      const halvings = values.indexOf(value);
      assert.deepEqual(
        await loaded.read(value, x.length),
        x.map((number) => number / 2 ** halvings),
      );
    }
  }
});

test('an op in place whose input it also reads otherwise leaves that one alone', async () => {
  const build = new GraphBuilder();
  const x = build.input('a', 'f32', [{ of: 'tokens', times: 1 }, 3]);
  const y = build.node('scale', [x], { factor: 1 });
  const graph = build.finish([build.node('linearTransposed', [y, y, build.weight('w1', [3, 3])])]);
  const random = { graph, taps: [], width: 3, rows: 4 };
  const inputs = randomInputs(random, 5);
  const loaded = new Loaded(graph, [], inputs);
  loaded.run(inputs, 4);
  assert.deepEqual(await loaded.read(graph.outputs[0], 12), evaluated(kernels, random, inputs).get(graph.outputs[0]));
});

test('memory of a deep network grows with its width, not with its depth', () => {
  const bytes = (depth: number): number => {
    const build = new GraphBuilder();
    let x = build.input('x', 'f32', [{ of: 'tokens', times: 1 }, 64]);
    for (let i = 0; i < depth; i++) {
      const normed = build.node('rmsNorm', [x, build.weight(`gain${i}`, [64])], { epsilon: 1e-5 });
      const up = build.node('linear', [normed, build.weight(`up${i}`, [256, 64])]);
      x = build.node('add', [build.node('linear', [up, build.weight(`down${i}`, [64, 256])]), x]);
    }
    return schedule(build.finish([x]), { states: 'whole' }, CAPACITIES).program.arenaBytes;
  };
  assert.equal(bytes(100), bytes(2));
  // The stream, and the wide rows with what they are made from or go to.
  assert.equal(bytes(2), 4 * 6 * (64 + 256 + 64));
});
