import { GraphBuilder } from '../../src/graph/build.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';

const EPSILON = 1e-5;

/** A residual network for 8 × 8 images: three convolutions with batch norms, pooling, a linear head. */
export function cnn(training: boolean): Graph {
  const build = new GraphBuilder();
  const convolution = (x: ValueId, name: string, out: number, shape: Shape): ValueId => {
    const { channels, kernel } = shape;
    const seen = build.node('patches', [x], windowsOf(shape));
    const y = build.node('linear', [seen, build.weight(`${name}.weight`, [out, kernel * kernel * channels])]);
    const vector = (part: string): ValueId => build.weight(`${name}.${part}`, [out]);
    const statistics = training ? build.nodes('batchStatistics', [y]) : [vector('mean'), vector('variance')];
    return build.node('batchNorm', [y, ...statistics, vector('gain'), vector('bias')], { epsilon: EPSILON });
  };
  const relu = (x: ValueId): ValueId => build.node('activate', [x], { activation: 'relu' });
  const pixels = build.input('images', 'f32', [{ of: 'tokens', times: 64 }, 1]);
  const first = relu(convolution(pixels, 'a', 64, { side: 8, channels: 1, kernel: 3, padding: 1 }));
  build.cut();
  const second = relu(convolution(first, 'b', 64, { side: 8, channels: 64, kernel: 2, stride: 2 }));
  build.cut();
  const branch = convolution(second, 'c', 64, { side: 4, channels: 64, kernel: 3, padding: 1 });
  const third = relu(build.node('add', [branch, second]));
  build.cut();
  const fourth = relu(convolution(third, 'd', 256, { side: 4, channels: 64, kernel: 2, stride: 2 }));
  build.cut();
  const pooled = build.node('meanRows', [fourth], { count: 4 });
  const head = build.node('linear', [pooled, build.weight('head.weight', [10, 256])]);
  return build.finish([build.node('addBias', [head, build.weight('head.bias', [10])])]);
}

function windowsOf({ side, channels, kernel, stride = 1, padding = 0 }: Shape) {
  return { height: side, width: side, channels, kernel, stride, padding };
}

/** Windows over square images. */
interface Shape {
  readonly side: number;
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
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
    const inner = linear(norm(mid, `${block}.ffn_norm`), `${block}.up`, 256, WIDTH);
    const down = linear(build.node('activate', [inner], { activation: 'gelu' }), `${block}.down`, WIDTH, 256);
    x = build.node('add', [down, mid]);
  }
  build.cut();
  const pooled = build.node('meanRows', [x]);
  return build.finish([linear(pooled, 'head', 32, WIDTH)]);
}
