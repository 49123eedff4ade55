import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TensorFile } from '../../src/container/types.ts';
import { FormatError } from '../../src/core/errors.ts';
import { architectureByName } from '../../src/model/architecture.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model, ModelConfig } from '../../src/model/types.ts';
import { hiddenStates } from '../../src/run/forward.ts';
import { testKernels } from '../support/kernels.ts';
import {
  memoryFile,
  syntheticConfig,
  syntheticFile,
  syntheticModel,
  tinyPath,
  tinyTokenizer,
} from '../support/synthetic.ts';

const config = syntheticConfig('LlamaForCausalLM');

/** A synthetic llama file with some tensors replaced, or taken away where undefined. */
function changed(replaced: Record<string, number[] | undefined>): TensorFile {
  const file = syntheticFile(config);
  const tensors = new Map(file.tensors);
  for (const [name, shape] of Object.entries(replaced)) {
    tensors.delete(name);
    if (!shape) continue;
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (const [key, entry] of memoryFile(new Map([[name, { shape, values }]])).tensors) tensors.set(key, entry);
  }
  return { ...file, tensors };
}

const open = async (file: TensorFile): Promise<Model> =>
  modelFromTensorFile(file, { tokenizer: await tinyTokenizer(), config });

test('every tensor has its role, layer and GGUF name, in GGUF order', async () => {
  const model = await syntheticModel('Qwen3ForCausalLM', { num_hidden_layers: 1, tie_word_embeddings: true });
  assert.deepEqual(
    [...model.tensors.keys()],
    [
      'token_embd.weight',
      ...[
        'attn_norm',
        'attn_q',
        'attn_k',
        'attn_v',
        'attn_q_norm',
        'attn_k_norm',
        'attn_output',
        'ffn_norm',
        'ffn_gate',
        'ffn_up',
        'ffn_down',
      ].map((name) => `blk.0.${name}.weight`),
      'output_norm.weight',
    ],
  );
  for (const [name, tensor] of model.tensors) {
    assert.equal(tensor.name, name);
    assert.ok(name.includes(tensor.role));
    assert.equal(tensor.layer, name.startsWith('blk') ? 0 : -1);
  }
});

test('row ranges are the rows of the whole, permuted or not', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  let compared = 0;
  for (const name of ['blk.1.attn_q.weight', 'blk.0.attn_k.weight', 'blk.0.ffn_up.weight', 'output_norm.weight']) {
    const tensor = model.tensors.get(name)!;
    const all = await tensor.load();
    const columns = tensor.shape[1] ?? 1;
    for (const [start, end] of [
      [0, 1],
      [3, 21],
      [15, 17],
      [0, tensor.shape[0]],
      [5, 5],
    ]) {
      assert.deepEqual(await tensor.load(start, end), all.slice(start * columns, end * columns));
      compared++;
    }
    await assert.rejects(tensor.load(0, tensor.shape[0] + 1), RangeError);
  }
  assert.equal(compared, 20);
});

test('permuted rows under interleaved RoPE are HF rows under RoPE by halves', async () => {
  const { device } = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM');
  const file = syntheticFile(config);
  const tensors = new Map(model.tensors);
  for (const layer of [0, 1]) {
    for (const kind of ['q', 'k']) {
      const name = `blk.${layer}.attn_${kind}.weight`;
      const entry = file.tensors.get(`model.layers.${layer}.self_attn.${kind}_proj.weight`)!;
      const load = async (): Promise<Float32Array> => new Float32Array((await entry.read()).slice().buffer);
      tensors.set(name, { ...tensors.get(name)!, load, loadBlocks: undefined });
    }
  }
  const halves: ModelConfig = { ...model.config, rope: { ...model.config.rope, style: 'halves' } };
  const graph = architectureByName('llama', 'test').graph(halves);
  const plain: Model = { ...model, tensors, config: halves, graph };
  const tokens = { ids: Int32Array.from({ length: 24 }, (_, i) => (i * 97) % 4096), sequences: 2, length: 12 };
  const [a, b] = [await hiddenStates(device, model, tokens), await hiddenStates(device, plain, tokens)];
  const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
  assert.ok(worst < 1e-5, `largest difference ${worst}`);
});

test('rejects missing, unexpected and misshapen tensors by name', async () => {
  const cases: [Record<string, number[] | undefined>, RegExp][] = [
    [{ 'model.norm.weight': undefined }, /model\.norm\.weight is missing/],
    [
      { 'model.layers.0.self_attn.o_proj.bias': [64] },
      /o_proj\.bias is not known to this architecture; config\.json does not ask for biases \(attention_bias/,
    ],
    [{ 'model.layers.1.mlp.up_proj.weight': [96, 32] }, /up_proj\.weight: shape is \[96, 32\], expected \[96, 64\]/],
    [{ 'model.norm.weight': [64, 2] }, /model\.norm\.weight: shape is \[64, 2\], expected \[64\]/],
  ];
  for (const [replaced, message] of cases) {
    await assert.rejects(
      open(changed(replaced)),
      (error: Error) => error instanceof FormatError && message.test(error.message),
    );
  }
  const unreadable = changed({});
  const tensors = new Map(unreadable.tensors);
  tensors.set('model.norm.weight', { ...tensors.get('model.norm.weight')!, format: 'I64' });
  await assert.rejects(open({ ...unreadable, tensors }), /format I64 cannot be read/);
});

test('rejects counts that no file of this size can have', async () => {
  const hostile = syntheticConfig('LlamaForCausalLM', { num_hidden_layers: 4e9 });
  const parts = { tokenizer: await tinyTokenizer(), config: hostile };
  await assert.rejects(
    modelFromTensorFile(syntheticFile(config), parts),
    /4000000000 blocks, but the file has only 21 tensors/,
  );
});

test('old inverse frequencies and a copied head of a tied model are passed over', async () => {
  const tied = { ...config, tie_word_embeddings: true };
  const file = changed({ 'model.layers.0.self_attn.rotary_emb.inv_freq': [8] });
  const model = await modelFromTensorFile(file, { tokenizer: await tinyTokenizer(), config: tied });
  assert.equal(model.tensors.has('output.weight'), false);
  assert.equal(model.tensors.size, 20);
});

test('a fingerprint depends on weights and config, and on nothing else', async () => {
  const first = await (await syntheticModel('LlamaForCausalLM')).fingerprint();
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.equal(await (await syntheticModel('LlamaForCausalLM')).fingerprint(), first);
  assert.notEqual(await (await syntheticModel('LlamaForCausalLM', {}, 2)).fingerprint(), first);
  assert.notEqual(await (await syntheticModel('LlamaForCausalLM', { rope_theta: 20000 })).fingerprint(), first);
});

test('rejects paths that hold no model', async () => {
  await assert.rejects(openModel(`${tinyPath}/absent`), /no such file or folder/);
  await assert.rejects(
    openModel(`${tinyPath}/../text`),
    /is no model that can be read; it has neither \.gguf files nor config\.json/,
  );
  await assert.rejects(openModel(`${tinyPath}/config.json`), FormatError);
});
