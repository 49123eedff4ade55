/**
 * What the second level of ops costs and gives, on the first block of the embedded model: nodes and times of kernels and
 * of primitives, and how far a Hessian-vector product by differences of gradients is from the exact one.
 *
 *     node bench/expansion.ts [--length=64] [--rounds=5]
 */
import { parseArgs } from 'node:util';
import { Random } from '../src/core/random.ts';
import { type Differentiated, differentiate } from '../src/graph/differentiate.ts';
import { expand } from '../src/graph/expand.ts';
import { boundaryInputs, boundaryName, inputNamed, inputsOf, segment } from '../src/graph/segments.ts';
import type { Graph, ValueId } from '../src/graph/types.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { openModel } from '../src/model/open.node.ts';
import { SharedMemory } from '../src/run/memory.ts';
import { loadWeights, RunningProgram } from '../src/run/program.ts';
import { sizesOf } from '../src/run/sequences.ts';
import { assetPath } from '../src/text/assets.node.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const { values: options } = parseArgs({
  options: { length: { type: 'string', default: '64' }, rounds: { type: 'string', default: '5' } },
});
const [length, rounds] = [Number(options.length), Number(options.rounds)];
const SEED = 1;
const sizes = { ...sizesOf({ length }, 1), context: length };
const model = await openModel(assetPath('tiny'));
const fused = segment(model.graph, 1, 2);
const kernels = await createWasmKernels({ threads: 1 });
const memory = new SharedMemory(kernels.device);
const target = { states: 'whole' } as const;
await loadWeights(memory, model, fused, target);

const random = new Random(SEED);
const normals = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
const width = model.config.hidden;
const [x, direction, change] = [normals(length * width), normals(length * width), normals(length * width)];

/** The block's input: expanding numbers values anew, but inputs keep their names. */
const inputName = boundaryName(boundaryInputs(fused)[0]);
const inputOf = (graph: Graph): ValueId => inputNamed(graph, inputName)!;

/** Runs a graph; inputs that are gradients get the direction or the change, in their order. */
async function run(graph: Graph, read: ValueId, at: Float32Array): Promise<{ values: Float32Array; ms: number }> {
  const program = new RunningProgram(memory, { ...graph, outputs: [read] }, { target, capacities: sizes });
  const times: number[] = [];
  const inputs = inputsOf(graph).map((id) => (graph.values[id] as { name: string }).name);
  const seeds = inputs.filter((name) => name.startsWith('gradient '));
  for (let round = 0; round < rounds; round++) {
    program.write(inputOf(graph), at);
    if (inputs.includes('positions'))
      program.write(
        'positions',
        Int32Array.from({ length }, (_, t) => t),
      );
    for (const [i, name] of seeds.entries()) program.write(name, i === 0 ? direction : change);
    const begin = performance.now();
    program.run(sizes);
    times.push(performance.now() - begin);
  }
  const values = new Float32Array(length * width);
  await program.read(read, values);
  program.close();
  return { values, ms: median(times) };
}

const gradients = (graph: Graph): Differentiated => differentiate(graph, graph.outputs, [inputOf(graph)]);
const primitives = expand(fused, sizes);
const [byKernels, byPrimitives] = [gradients(fused), gradients(primitives)];
const gradientOf = ({ graph, gradientOf: of }: Differentiated): ValueId => of(inputOf(graph))!;
const second = differentiate(byPrimitives.graph, [gradientOf(byPrimitives)], [inputOf(primitives)]);

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...a.map((value, i) => value - b[i])) / Math.hypot(...b);

console.log(`${machine()}, seed ${SEED}, ${length} tokens, one thread`);
const table: Record<string, object> = {};
for (const [name, own, other] of [
  ['outputs', [fused, fused.outputs[0]], [primitives, primitives.outputs[0]]],
  ['gradient at x', [byKernels.graph, gradientOf(byKernels)], [byPrimitives.graph, gradientOf(byPrimitives)]],
] as [string, [Graph, ValueId], [Graph, ValueId]][]) {
  const [a, b] = [await run(...own, x), await run(...other, x)];
  table[name] = {
    'nodes, kernels': own[0].nodes.length,
    'nodes, primitives': other[0].nodes.length,
    'time of primitives ÷ kernels': Number((b.ms / a.ms).toPrecision(3)),
    'relative distance': Number(distance(b.values, a.values).toPrecision(2)),
  };
}
console.table(table);

const exact = (await run(second.graph, second.gradientOf(inputOf(primitives))!, x)).values;
console.log(`exact Hessian-vector product: ${second.graph.nodes.length} nodes`);
for (const step of [1e-1, 1e-2, 1e-3, 1e-4]) {
  const at = async (sign: number): Promise<Float32Array> => {
    const moved = x.map((value, i) => value + sign * step * change[i]);
    return (await run(byKernels.graph, gradientOf(byKernels), moved)).values;
  };
  const [above, below] = [await at(1), await at(-1)];
  const product = above.map((value, i) => (value - below[i]) / (2 * step));
  console.log(`differences of gradients, step ${step}: relative distance ${distance(product, exact).toPrecision(2)}`);
}
memory.close();
kernels.close();
await model.close();
