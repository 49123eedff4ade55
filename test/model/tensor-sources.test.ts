import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TensorFile } from '../../src/container/types.ts';
import { tensorsOf } from '../../src/model/architecture.ts';
import { checkpointNames } from '../../src/model/checkpoint-names.ts';
import { collectGguf, collectHuggingFace } from '../../src/model/collect.ts';
import { configFromHuggingFace } from '../../src/model/config-huggingface.ts';
import type { ModelTensor } from '../../src/model/types.ts';
import { configs } from '../support/configs.ts';
import { memoryFile, syntheticConfig, syntheticFile } from '../support/synthetic.ts';

/* Matrices stand under different names, apart or together, by who wrote the file and when: the model is the same. */

type Stored = Map<string, { shape: readonly number[]; values: Float32Array }>;

async function storedOf({ tensors }: TensorFile): Promise<Stored> {
  const stored: Stored = new Map();
  for (const [name, entry] of tensors)
    stored.set(name, { shape: entry.shape, values: new Float32Array((await entry.read()).buffer) });
  return stored;
}

/** Experts' matrices as one tensor [experts, rows, columns], for each expert those of `kinds` one after the other. */
function together(stored: Stored, nameOf: (kind: string, expert: number) => string, kinds: readonly string[]) {
  const parts: Float32Array[] = [];
  let [expert, rows, columns] = [0, 0, 0];
  for (; stored.has(nameOf(kinds[0], expert)); expert++)
    for (const kind of kinds) {
      const { shape, values } = stored.get(nameOf(kind, expert))!;
      stored.delete(nameOf(kind, expert));
      [rows, columns] = shape;
      parts.push(values);
    }
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return { shape: [expert, kinds.length * rows, columns], values };
}

async function assertSame(found: ReadonlyMap<string, ModelTensor>, expected: ReadonlyMap<string, ModelTensor>) {
  assert.deepEqual([...found.keys()], [...expected.keys()]);
  let experts = 0;
  for (const [name, tensor] of expected) {
    assert.deepEqual(await found.get(name)!.load(), await tensor.load(), name);
    // Rows that begin within one expert and end within the next.
    if (tensor.experts === undefined) continue;
    const [from, to] = [tensor.shape[0] / tensor.experts - 3, tensor.shape[0] / tensor.experts + 5];
    assert.deepEqual(await found.get(name)!.load(from, to), await tensor.load(from, to), name);
    assert.deepEqual(await found.get(name)!.loadBlocks!(from, to), await tensor.loadBlocks!(from, to), name);
    experts++;
  }
  assert.equal(experts, 3 * 2);
}

const config = syntheticConfig('Qwen3MoeForCausalLM', configs.Qwen3MoeForCausalLM);
const parsed = configFromHuggingFace(config, { hasHead: true });
const collected = (file: TensorFile) =>
  collectHuggingFace(file, tensorsOf(parsed), checkpointNames(file.tensors), parsed, { isPart: false }).tensors;

test('experts of a checkpoint apart, and with gate and up of all in one tensor, are the same model', async () => {
  const apart = syntheticFile(config);
  const stored = await storedOf(apart);
  for (let layer = 0; layer < 2; layer++) {
    const mlp = `model.layers.${layer}.mlp.experts`;
    const nameOf = (kind: string, expert: number): string => `${mlp}.${expert}.${kind}.weight`;
    stored.set(`${mlp}.gate_up_proj`, together(stored, nameOf, ['gate_proj', 'up_proj']));
    stored.set(`${mlp}.down_proj`, together(stored, nameOf, ['down_proj']));
  }
  assert.equal(stored.has('model.layers.0.mlp.experts.0.up_proj.weight'), false);
  await assertSame(collected(memoryFile(stored)), collected(apart));
});

test('experts of a GGUF file stacked, apart as in its first ones, and with gate and up in one tensor are the same model', async () => {
  const model = collected(syntheticFile(config));
  const specs = tensorsOf(parsed);
  const stacked: Stored = new Map();
  for (const [name, tensor] of model) {
    const { shape, experts } = tensor;
    const own = experts === undefined ? shape : [experts, shape[0] / experts, shape[1]];
    stacked.set(name, { shape: own, values: await tensor.load() });
  }
  await assertSame(collectGguf(memoryFile(stacked), specs, parsed).tensors, model);

  const apart: Stored = new Map(stacked);
  for (const [name, { shape, values }] of stacked) {
    if (!name.endsWith('_exps.weight')) continue;
    apart.delete(name);
    const [experts, rows, columns] = shape;
    for (let e = 0; e < experts; e++)
      apart.set(name.replace('_exps', `.${e}`), {
        shape: [rows, columns],
        values: values.slice(e * rows * columns, (e + 1) * rows * columns),
      });
  }
  await assertSame(collectGguf(memoryFile(apart), specs, parsed).tensors, model);

  const fused: Stored = new Map(apart);
  for (let layer = 0; layer < 2; layer++) {
    const nameOf = (kind: string, expert: number): string => `blk.${layer}.ffn_${kind}.${expert}.weight`;
    fused.set(`blk.${layer}.ffn_gate_up_exps.weight`, together(fused, nameOf, ['gate', 'up']));
  }
  await assertSame(collectGguf(memoryFile(fused), specs, parsed).tensors, model);
});

test('q, k and v of a GGUF file in one tensor, their biases too, are the same model as apart', async () => {
  const fields = syntheticConfig('Glm4MoeForCausalLM', { ...configs.Glm4MoeForCausalLM, num_attention_heads: 6 });
  const glm = configFromHuggingFace(fields, { hasHead: true });
  const file = syntheticFile(fields);
  const specs = tensorsOf(glm);
  const { tensors } = collectHuggingFace(file, specs, checkpointNames(file.tensors), glm, { isPart: false });
  const fused: Stored = new Map();
  for (const [name, { shape, experts, load }] of tensors)
    fused.set(name, {
      shape: experts === undefined ? shape : [experts, shape[0] / experts, shape[1]],
      values: await load(),
    });
  for (let layer = 0; layer < glm.layers; layer++)
    for (const suffix of ['weight', 'bias']) {
      const names = ['q', 'k', 'v'].map((kind) => `blk.${layer}.attn_${kind}.${suffix}`);
      const parts = names.map((name) => fused.get(name)!);
      const rows = parts.reduce((sum, { shape }) => sum + shape[0], 0);
      const values = Float32Array.from(parts.flatMap((part) => [...part.values]));
      for (const name of names) fused.delete(name);
      fused.set(`blk.${layer}.attn_qkv.${suffix}`, { shape: [rows, ...parts[0].shape.slice(1)], values });
    }
  const { tensors: found } = collectGguf(memoryFile(fused), specs, glm);
  assert.deepEqual([...found.keys()], [...tensors.keys()]);
  for (const [name, tensor] of tensors) assert.deepEqual(await found.get(name)!.load(), await tensor.load(), name);
});
