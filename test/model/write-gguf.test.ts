import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGguf } from '../../src/container/gguf/read.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model, ModelTensor } from '../../src/model/types.ts';
import { modelFileSize, type WriteModelOptions, writeModelGguf } from '../../src/model/write-gguf.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { syntheticModel, tinyPath } from '../support/synthetic.ts';

async function write(model: Model, options: WriteModelOptions): Promise<Uint8Array> {
  const sink = new MemorySink();
  const bytes = await writeModelGguf(model, sink, options);
  assert.equal(sink.bytes().length, bytes);
  assert.equal(modelFileSize(model, options), bytes);
  return sink.bytes();
}

async function read(bytes: Uint8Array): Promise<Model> {
  const file = await readGguf(memorySource(bytes));
  return modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata) });
}

test('a written model reads back: config, tensors, tokenizer', async () => {
  const model = await syntheticModel('Qwen2ForCausalLM');
  const again = await read(await write(model, { formatOf: () => 'F32' }));
  assert.deepEqual(again.config, model.config);
  assert.deepEqual([...again.tensors.keys()], [...model.tensors.keys()]);
  for (const [name, tensor] of model.tensors)
    assert.deepEqual(await again.tensors.get(name)!.load(), await tensor.load());
  assert.deepEqual(again.tokenizer.encode('Once upon a time'), model.tokenizer.encode('Once upon a time'));
});

test('metadata are those of llama.cpp’s converter', async () => {
  const model = await openModel(tinyPath);
  const file = await readGguf(memorySource(await write(model, { formatOf: () => 'BF16' })));
  const value = (key: string): unknown => file.metadata.get(key);
  assert.equal(value('general.architecture'), 'llama');
  assert.equal(value('general.type'), 'model');
  assert.equal(value('general.name'), 'tiny');
  assert.equal(value('general.size_label'), '8.4M');
  assert.equal(value('general.quantization_version'), 2);
  assert.equal(value('general.file_type'), 32, 'llama_ftype MOSTLY_BF16');
  const expected = {
    block_count: 8,
    context_length: 256,
    embedding_length: 256,
    feed_forward_length: 768,
    'attention.head_count': 4,
    'attention.head_count_kv': 2,
    'attention.layer_norm_rms_epsilon': Math.fround(1e-5),
    'rope.freq_base': 10000,
    'rope.dimension_count': 64,
    vocab_size: 4096,
  };
  for (const [key, number] of Object.entries(expected)) assert.equal(value(`llama.${key}`), number, key);
  assert.equal(value('llama.attention.key_length'), undefined, 'head size is hidden / heads');
  await model.close();
});

test('llama3 scaling is written as the F32 tensor rope_freqs', async () => {
  const rope_scaling = {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  };
  const model = await syntheticModel('LlamaForCausalLM', { rope_scaling });
  const bytes = await write(model, { formatOf: () => 'F16' });
  const again = await read(bytes);
  assert.equal([...again.tensors.keys()][0], 'rope_freqs.weight');
  assert.equal(again.tensors.get('rope_freqs.weight')?.format, 'F32');
  assert.deepEqual(again.config.rope.frequencyFactors, model.config.rope.frequencyFactors);
});

test('mixed formats: sizes exact, vectors F32, majority file type, own blocks kept', async () => {
  const model = await syntheticModel('LlamaForCausalLM', {
    hidden_size: 256,
    intermediate_size: 256,
    num_hidden_layers: 1,
  });
  const formatOf = (tensor: ModelTensor): string =>
    tensor.role.startsWith('ffn') ? 'Q4_K' : tensor.role === 'output' ? 'Q6_K' : 'Q8_0';
  const bytes = await write(model, {
    formatOf,
    metadata: new Map([['bitbudget.note', { type: 'string', value: 'hand-made' }]]),
  });
  const mixed = await read(bytes);
  for (const tensor of mixed.tensors.values()) {
    assert.equal(tensor.format, tensor.shape.length > 1 ? formatOf(tensor) : 'F32', tensor.name);
  }
  assert.equal(mixed.metadata.get('bitbudget.note')?.value, 'hand-made');
  const again = await write(mixed, { formatOf: (tensor) => tensor.format });
  assert.ok(Buffer.from(again).equals(bytes), 'a file written from its own blocks is the same');
  const file = await readGguf(memorySource(bytes));
  assert.equal(file.metadata.get('general.file_type'), 7, 'llama_ftype MOSTLY_Q8_0: the embedding is the largest part');
});

test('a failure while encoding aborts the sink', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  const sink = new MemorySink();
  const blocksOf = async (): Promise<Uint8Array> => {
    throw new Error('no blocks');
  };
  await assert.rejects(writeModelGguf(model, sink, { formatOf: () => 'F32', blocksOf }), /no blocks/);
  assert.throws(() => sink.bytes());
});
