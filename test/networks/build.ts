import { GraphBuilder } from '../../src/graph/build.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';

const EPSILON = 1e-5;

/** A residual network for 8 × 8 images: three convolutions with batch norms, pooling, a linear head. */
export function cnn(training: boolean): Graph {
  const build = new GraphBuilder();
  const image = { height: 8, width: 8, kernel: 3, padding: 1 };
  const convolution = (x: ValueId, name: string, columns: number, out: number, shape: object): ValueId => {
    const seen = build.node('patches', [x], { ...image, ...shape });
    const y = build.node('linear', [seen, build.weight(`${name}.weight`, [out, columns])]);
    const vector = (part: string): ValueId => build.weight(`${name}.${part}`, [out]);
    const statistics = training ? build.nodes('batchStatistics', [y]) : [vector('mean'), vector('variance')];
    return build.node('batchNorm', [y, ...statistics, vector('gain'), vector('bias')], { epsilon: EPSILON });
  };
  const relu = (x: ValueId): ValueId => build.node('activate', [x], { activation: 'relu' });
  const first = relu(
    convolution(build.input('images', 'f32', [{ of: 'tokens', times: 64 }, 1]), 'a', 9, 32, { channels: 1 }),
  );
  build.cut();
  const second = relu(build.node('add', [convolution(first, 'b', 288, 32, { channels: 32 }), first]));
  build.cut();
  const third = relu(convolution(second, 'c', 288, 64, { channels: 32, stride: 2 }));
  build.cut();
  const pooled = build.node('meanRows', [third], { count: 16 });
  const head = build.node('linear', [pooled, build.weight('head.weight', [10, 64])]);
  return build.finish([build.node('addBias', [head, build.weight('head.bias', [10])])]);
}

const WIDTH = 32;
const HEADS = 4;

/** An encoder of rows of eight pixels: attention that looks both ways, a mean over tokens, a linear head. */
export function encoder(): Graph {
  const build = new GraphBuilder();
  const rows: [{ of: string; times: number }, number] = [{ of: 'tokens', times: 1 }, 8];
  const weight = (name: string, out: number, columns: number): ValueId =>
    build.weight(`${name}.weight`, [out, columns]);
  const linear = (x: ValueId, name: string, out: number, columns: number): ValueId =>
    build.node('linear', [x, weight(name, out, columns)]);
  const norm = (x: ValueId, name: string): ValueId =>
    build.node('rmsNorm', [x, build.weight(`${name}.weight`, [WIDTH])], { epsilon: EPSILON });
  let x = linear(build.input('images', 'f32', rows), 'embed', WIDTH, 8);
  for (const block of [0, 1]) {
    build.cut();
    const normed = norm(x, `${block}.norm`);
    const [q, k, v] = ['q', 'k', 'v'].map((name) => linear(normed, `${block}.${name}`, WIDTH, WIDTH));
    const shape = { heads: HEADS, kvHeads: HEADS, headDim: WIDTH / HEADS, causal: false };
    const mid = build.node('add', [linear(build.node('attention', [q, k, v], shape), `${block}.o`, WIDTH, WIDTH), x]);
    const inner = linear(norm(mid, `${block}.ffn_norm`), `${block}.up`, 64, WIDTH);
    const down = linear(build.node('activate', [inner], { activation: 'gelu' }), `${block}.down`, WIDTH, 64);
    x = build.node('add', [down, mid]);
  }
  build.cut();
  const pooled = build.node('meanRows', [x]);
  return build.finish([linear(pooled, 'head', 32, WIDTH)]);
}
