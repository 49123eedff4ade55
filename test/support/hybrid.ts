import { Random } from '../../src/core/random.ts';
import type { GraphBuilder } from '../../src/graph/build.ts';
import type { Graph, ValueId } from '../../src/graph/types.ts';
import { selfAttention } from '../../src/model/parts/attention.ts';
import { causalModel, preNormed } from '../../src/model/parts/causalModel.ts';
import { gatedMlp } from '../../src/model/parts/gatedMlp.ts';
import { ropePart } from '../../src/model/rope.ts';
import type { Model, ModelConfig, RopeConfig } from '../../src/model/types.ts';
import { modelOf, normals } from '../measure/support.ts';
import { tinyTokenizer } from './synthetic.ts';

const HIDDEN = 64;

/** Heads of a block's attention; `of`: the block whose cache it reads. */
interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly of?: number;
}

/** One block of small heads, one without attention, two of large heads, and one that reads what the first of those keeps. */
const BLOCKS: readonly (Heads | undefined)[] = [
  { heads: 2, kvHeads: 2, headDim: 32 },
  undefined,
  { heads: 2, kvHeads: 2, headDim: 64 },
  { heads: 4, kvHeads: 2, headDim: 64 },
  { heads: 4, kvHeads: 2, headDim: 64, of: 2 },
];

const rope = (dimensions: number): RopeConfig => ({ theta: 1e4, dimensions, style: 'halves' });

const config: ModelConfig = {
  architecture: 'llama',
  layers: BLOCKS.length,
  hidden: HIDDEN,
  feedForward: 96,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  vocabulary: 4096,
  contextLength: 128,
  normEpsilon: 1e-5,
  rope: rope(64),
  tied: true,
};

/** A random network in which blocks have caches of two sizes, none, or that of another block. */
export async function hybridModel(seed = 1): Promise<Model> {
  const graph = hybridGraph();
  const random = new Random(seed);
  const shapes = graph.values.flatMap((value) =>
    value.source === 'weight' ? [[value.tensor, value.shape as number[]] as const] : [],
  );
  const tensors = shapes.map(([name, shape]) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = normals(random, length, shape.length === 1 ? 0.2 : 1.2 / Math.sqrt(shape[1]));
    return [name, { shape, values: shape.length === 1 ? values.map((value) => value + 1) : values }] as const;
  });
  const model = modelOf(config, new Map(tensors), `hybrid ${seed}`);
  return { ...model, graph, tokenizer: await tinyTokenizer() };
}

function hybridGraph(): Graph {
  const kept = new Map<number, [ValueId, ValueId]>();
  return causalModel(config, (build, x, layer) => {
    const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden: HIDDEN, epsilon: 1e-5 });
    const heads = BLOCKS[layer];
    const mid =
      heads === undefined
        ? x
        : preNormed(build, x, norm('attn_norm'), (normed) => attend(build, normed, layer, heads, kept));
    return preNormed(build, mid, norm('ffn_norm'), (normed) =>
      gatedMlp(build, normed, { layer, hidden: HIDDEN, feedForward: 96, activation: 'silu' }),
    );
  });
}

function attend(
  build: GraphBuilder,
  x: ValueId,
  layer: number,
  { heads, kvHeads, headDim, of }: Heads,
  kept: Map<number, [ValueId, ValueId]>,
): ValueId {
  if (of === undefined) {
    const part = { layer, hidden: HIDDEN, heads, kvHeads, headDim, normEpsilon: 1e-5, rope: ropePart(rope(headDim)) };
    const output = selfAttention(build, x, part);
    const { nodes } = build.finish([output]);
    const [k, v] = nodes.filter(({ op }) => op === 'cache').slice(-2);
    kept.set(layer, [k.outputs[0], v.outputs[0]]);
    return output;
  }
  const name = (suffix: string): string => `blk.${layer}.attn_${suffix}.weight`;
  const q = build.node('linear', [x, build.weight(name('q'), [heads * headDim, HIDDEN])]);
  const attended = build.node('attention', [q, ...kept.get(of)!], { heads, kvHeads, headDim });
  return build.node('linear', [attended, build.weight(name('output'), [HIDDEN, heads * headDim])]);
}
