import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { canonical } from '../../src/graph/digest.ts';
import { allRows, rewrite } from '../../src/graph/rewrite.ts';
import type { Graph } from '../../src/graph/types.ts';
import { usesOf } from '../../src/graph/uses.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import type { Model } from '../../src/model/types.ts';
import { SharedMemory } from '../../src/run/memory.ts';
import { loadWeights, RunningProgram } from '../../src/run/program.ts';
import { sizesOf, textSequences } from '../../src/run/sequences.ts';
import { modelOf, randomTensors, smallConfig } from '../measure/support.ts';

/** Sums in a fixed order, however many rows there are: rows compare bit for bit. */
const { device } = createReferenceKernels();
const { vocabulary } = smallConfig;
const [sequences, length] = [2, 6];
const ids = Int32Array.from({ length: sequences * length }, (_, i) => (i * 7 + 5) % vocabulary);
const architectures = ['llama', 'qwen2', 'qwen3'];

function small(architecture: string): Model {
  const config = { ...smallConfig, architecture };
  const extras = { bias: architecture === 'qwen2', qkNorm: architecture === 'qwen3' };
  return modelOf(config, randomTensors(config, new Random(3), extras));
}

/** The outputs of a model's graph, or of a rewritten one. @param wanted rows that are asked for, default all */
async function outputsOf(model: Model, graph: Graph, wanted?: Int32Array): Promise<Float32Array> {
  const target = { states: 'whole' } as const;
  const memory = new SharedMemory(device);
  await loadWeights(memory, model, graph, target);
  const rows = wanted?.length ?? ids.length;
  const sizes = { ...sizesOf({ length }, sequences), context: length, wanted: rows };
  const program = new RunningProgram(memory, graph, { target, capacities: sizes });
  const text = textSequences({ sequences, length, ids });
  for (const name of ['tokens', 'positions']) program.write(name, text.input(name, [0, 1]));
  if (wanted !== undefined) program.write('wanted', wanted);
  program.run(sizes);
  const outputs = new Float32Array(rows * vocabulary);
  await program.read(graph.outputs[0], outputs);
  program.close();
  memory.close();
  return outputs;
}

test('rewritten node by node without a change, a network is the same network with the same outputs, bit for bit', async () => {
  for (const architecture of architectures) {
    const model = small(architecture);
    const same = rewrite(model.graph, () => undefined);
    assert.deepEqual(canonical(same), canonical(model.graph));
    assert.notEqual(same.nodes, model.graph.nodes);
    const wanted = Int32Array.of(3, 11, 0);
    const outputs = await outputsOf(model, model.graph, wanted);
    assert.deepEqual(await outputsOf(model, same, wanted), outputs);
    assert.ok(outputs.every((value) => Number.isFinite(value)) && new Set(outputs).size > vocabulary);
  }
});

test('all rows are the rows that are asked for, bit for bit, and nothing reads which those are', async () => {
  for (const architecture of architectures) {
    const model = small(architecture);
    const graph = allRows(model.graph);
    assert.ok(!graph.nodes.some(({ op }) => op === 'select'));
    assert.equal(graph.nodes.length, model.graph.nodes.length - 1);
    assert.equal(graph.cuts.length, model.graph.cuts.length);
    assert.deepEqual(
      usesOf(graph).map(({ tensor }) => tensor),
      usesOf(model.graph).map(({ tensor }) => tensor),
    );
    const all = await outputsOf(model, graph);
    const wanted = Int32Array.of(7, 0, 11, 7);
    const some = await outputsOf(model, model.graph, wanted);
    for (const [i, row] of wanted.entries())
      assert.deepEqual(
        some.subarray(i * vocabulary, (i + 1) * vocabulary),
        all.subarray(row * vocabulary, (row + 1) * vocabulary),
      );
  }
});
