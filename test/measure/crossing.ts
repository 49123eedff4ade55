import { Random } from '../../src/core/random.ts';
import { GraphBuilder } from '../../src/graph/build.ts';
import type { Graph } from '../../src/graph/types.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { entryMeasurementStore } from '../../src/measure/entry-store.ts';
import { measureModel } from '../../src/measure/measure.ts';
import type { TokenBatch } from '../../src/measure/plan.ts';
import type { Model } from '../../src/model/types.ts';
import { WorkStore } from '../../src/store/store.node.ts';
import type { Entry } from '../../src/store/types.ts';
import { modelOf, normals, smallConfig } from './support.ts';

const [WIDTH, VOCABULARY] = [16, 20];

/** Matrices of the network, by name: rows and columns. */
const MATRICES = {
  'token_embd.weight': [VOCABULARY, WIDTH],
  'blk.1.inner.weight': [WIDTH, WIDTH],
  'blk.2.gate.weight': [WIDTH, WIDTH],
  'blk.2.up.weight': [WIDTH, WIDTH],
  'blk.3.inner.weight': [WIDTH, WIDTH],
  'blk.3.skip.weight': [WIDTH, WIDTH],
  'output.weight': [VOCABULARY, WIDTH],
} as const;

/**
 * A network with connections over several cuts: the embedding is read by every segment behind it, the output of
 * segment 1 by segments 2 and 3, and the last segments read two values.
 * @param cuts whether segments are cut, or only the last ones from the rest
 */
function crossingGraph(cuts: boolean): Graph {
  const build = new GraphBuilder();
  const weight = (name: keyof typeof MATRICES): number => build.weight(name, MATRICES[name]);
  const normed = (x: number, name: string): number =>
    build.node('rmsNorm', [x, build.weight(name, [WIDTH])], { epsilon: 1e-5 });
  const cut = (): void => {
    if (cuts) build.cut();
  };
  const tokens = build.input('tokens', 'i32', [{ of: 'tokens', times: 1 }]);
  const embedded = build.node('lookup', [tokens, weight('token_embd.weight')]);
  cut();
  const first = build.node('add', [
    build.node('linear', [normed(embedded, 'blk.1.norm.weight'), weight('blk.1.inner.weight')]),
    embedded,
  ]);
  cut();
  const gate = build.node('linear', [first, weight('blk.2.gate.weight')]);
  const up = build.node('linear', [embedded, weight('blk.2.up.weight')]);
  const second = build.node('add', [build.node('gated', [gate, up], { activation: 'silu' }), first]);
  cut();
  const inner = build.node('linear', [normed(second, 'blk.3.norm.weight'), weight('blk.3.inner.weight')]);
  const skipped = build.node('linear', [first, weight('blk.3.skip.weight')]);
  const third = build.node('add', [build.node('add', [inner, skipped]), embedded]);
  build.cut();
  const wanted = build.input('wanted', 'i32', [{ of: 'wanted', times: 1 }]);
  const rows = build.node('add', [build.node('select', [third, wanted]), build.node('select', [embedded, wanted])]);
  const states = normed(rows, 'output_norm.weight');
  build.cut();
  return build.finish([build.node('linear', [states, weight('output.weight')])]);
}

export interface Crossing {
  readonly model: Model;
  readonly tokens: TokenBatch;
  readonly seed: number;
}

/** The network with random weights, and random text. */
export function crossing(cuts = true): Crossing {
  const random = new Random(13);
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [name, [rows, columns]] of Object.entries(MATRICES))
    tensors.set(name, { shape: [rows, columns], values: normals(random, rows * columns, 1 / Math.sqrt(columns)) });
  for (const name of ['blk.1.norm.weight', 'blk.3.norm.weight', 'output_norm.weight'])
    tensors.set(name, { shape: [WIDTH], values: normals(random, WIDTH, 0.2).map((value) => value + 1) });
  const config = { ...smallConfig, hidden: WIDTH, vocabulary: VOCABULARY };
  const ids = Int32Array.from({ length: 4 * 6 }, () => random.integer(VOCABULARY));
  const model = { ...modelOf(config, tensors, `crossing ${cuts}`), graph: crossingGraph(cuts) };
  return { model, tokens: { sequences: 4, length: 6, ids }, seed: 2 };
}

/** The entry of its measurement in a store's folder. */
export function openCrossingEntry(folder: string): Promise<Entry> {
  return new WorkStore(folder).open({ step: 'measurement', of: 'crossing' }, { model: 'crossing' });
}

// Measures in a process of its own, which kills itself at an event.
if (import.meta.main) {
  const [path, event] = process.argv.slice(2);
  const { model, tokens, seed } = crossing();
  let seen = 0;
  await measureModel(createReferenceKernels(), model, tokens, {
    store: entryMeasurementStore(await openCrossingEntry(path)),
    seed,
    onProgress: () => {
      if (++seen === Number(event)) process.kill(process.pid, 'SIGKILL');
    },
  });
}
