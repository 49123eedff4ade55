import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openModel } from '../../src/model/open.node.ts';
import { quantizedRemark, referenceName } from '../../src/model/source.ts';
import {
  type FolderOptions,
  pictureOf,
  type StoredTensor,
  toldOfOpening,
  writeFolder,
  writeGgufModel,
  writeGgufOther,
} from '../support/folders.ts';
import { syntheticConfig, syntheticModel } from '../support/synthetic.ts';

/*
 * Situations in which what a user gives is not the model that they mean, by kind: exit code, one line, what was found and
 * what to do, and nothing touched.
 */

const root = mkdtempSync(join(tmpdir(), 'bitbudget-sources-'));
after(() => rmSync(root, { recursive: true }));

async function assertTold(path: string, code: number, found: RegExp, todo: RegExp, purpose?: 'run' | 'original') {
  const before = pictureOf(root);
  const told = await toldOfOpening(path, purpose);
  assert.equal(told.code, code, told.line || `${path} was opened`);
  assert.match(told.line, found);
  assert.match(told.line, todo);
  assert.ok(!/\n|unexpected; set/.test(told.line), told.line);
  assert.deepEqual(pictureOf(root), before);
}

const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 99\n`;
const latin = (text: string): Uint8Array => Uint8Array.from(text.padEnd(600, 'x'), (letter) => letter.charCodeAt(0));

const folders: [what: string, options: FolderOptions, found: RegExp, todo: RegExp][] = [
  [
    'pointer as weights',
    { files: { 'model.safetensors': pointer } },
    /model\.safetensors: is a Git LFS pointer/,
    /git lfs pull/,
  ],
  ['pointer as config', { files: { 'config.json': pointer } }, /config\.json: is a Git LFS pointer/, /git lfs pull/],
  [
    'pointer as shard',
    {
      files: {
        'model.safetensors': null,
        'model.safetensors.index.json': JSON.stringify({ weight_map: { 'model.norm.weight': 'a.safetensors' } }),
        'a.safetensors': pointer,
      },
    },
    /a\.safetensors: is a Git LFS pointer/,
    /git lfs pull/,
  ],
  [
    'pointer as index',
    { files: { 'model.safetensors.index.json': pointer } },
    /index\.json: is a Git LFS pointer/,
    /git lfs pull/,
  ],
  [
    'page as config',
    { files: { 'config.json': '<!DOCTYPE html><p>Sign in' } },
    /config\.json: is a web page/,
    /download it again/,
  ],
  [
    'page as weights',
    { files: { 'model.safetensors': '<html><p>Sign in' } },
    /model\.safetensors: is a web page/,
    /download it again/,
  ],
  [
    'answer as weights',
    { files: { 'model.safetensors': '{"error":"Invalid credentials in Authorization header"}' } },
    /is JSON text/,
    /download the file again/,
  ],
  ['empty weights', { files: { 'model.safetensors': '' } }, /model\.safetensors: is empty/, /download it again/],
  [
    'zeros as weights',
    { files: { 'model.safetensors': new Uint8Array(4096) } },
    /begins with zeros/,
    /download it again/,
  ],
  [
    'pickle as weights',
    { files: { 'model.safetensors': latin('PK\x03\x04\x14\0\0\0\x08archive/data.pkl') } },
    /PyTorch pickle/,
    /convert it to safetensors/,
  ],
  [
    'pickles alone',
    { files: { 'model.safetensors': null, 'pytorch_model.bin': latin('PK\x03\x04') } },
    /holds PyTorch pickles \(pytorch_model\.bin\)/,
    /convert them to safetensors/,
  ],
  [
    'shards without index',
    {
      files: {
        'model.safetensors': null,
        'model-00001-of-00002.safetensors': 'x',
        'model-00002-of-00002.safetensors': 'x',
      },
    },
    /2 shards without their model\.safetensors\.index\.json/,
    /fetch that file too/,
  ],
  ['weights without config', { files: { 'config.json': null } }, /config\.json is missing/, /fetch it too/],
  [
    'damaged config',
    { files: { 'config.json': '{"hidden_size": 64,' } },
    /config\.json: is not valid JSON/,
    /fetch it again/,
  ],
  [
    'adapter',
    {
      files: {
        'config.json': null,
        'model.safetensors': null,
        'adapter_config.json': '{"base_model_name_or_path": "some-user/base", "r": 8}',
        'adapter_model.safetensors': 'x',
      },
    },
    /LoRA adapter, which is no model by itself/,
    /give its base model.*\(some-user\/base\)/,
  ],
  [
    'adapter beside a config',
    { files: { 'model.safetensors': null, 'adapter_config.json': '{"base_model_name_or_path": null}' } },
    /LoRA adapter/,
    /give its base model/,
  ],
  [
    'another architecture',
    {
      overrides: { architectures: ['T5ForConditionalGeneration'] },
      files: { 'tokenizer.json': null, 'model.safetensors': pointer },
    },
    /config\.json: architecture T5ForConditionalGeneration is not supported/,
    /known: LlamaForCausalLM/,
  ],
  [
    'ONNX',
    { files: { 'model.safetensors': null, 'model.onnx': 'x' } },
    /ONNX model \(model\.onnx\)/,
    /give the checkpoint that was exported/,
  ],
];

test(`${folders.length} folders that hold no readable model are told`, async () => {
  for (const [what, options, found, todo] of folders)
    await assertTold(await writeFolder(join(root, what), options), 1, found, todo);
  mkdirSync(join(root, 'nothing'));
  await assertTold(join(root, 'nothing'), 1, /is no model that can be read; it is empty/, /./);
});

const companions: [keys: Record<string, string>, tensor: string | undefined, found: RegExp, todo: RegExp][] = [
  [
    { 'general.architecture': 'rwkv7', 'tokenizer.ggml.model': 'rwkv7' },
    'token_embd.weight',
    /architecture rwkv7 is not supported/,
    /known: llama,/,
  ],
  [
    {
      'general.type': 'adapter',
      'general.architecture': 'llama',
      'general.base_model.0.repo_url': 'https://huggingface.co/some/base',
    },
    'blk.0.attn_q.weight.lora_a',
    /LoRA adapter/,
    /give its base model.*\(some\/base\)/,
  ],
  [{ 'general.architecture': 'clip' }, 'v.patch_embd.weight', /projector \(mmproj\)/, /give the model’s own \.gguf/],
  [{ 'general.type': 'mmproj', 'general.architecture': 'siglip' }, 'v.patch_embd.weight', /projector/, /own \.gguf/],
  [{ 'general.type': 'imatrix' }, 'blk.0.attn_q.weight.in_sum2', /importance matrix/, /give the model itself/],
  [{ 'general.architecture': 'controlvector' }, 'direction.1', /control vector/, /give the model itself/],
  [
    { 'general.architecture': 'llama', 'tokenizer.ggml.model': 'gpt2' },
    undefined,
    /a vocabulary and no weights/,
    /give a \.gguf file that has them/,
  ],
];

test(`${companions.length} kinds of GGUF files that go with models are told`, async () => {
  for (const [i, [keys, tensor, found, todo]] of companions.entries())
    await assertTold(await writeGgufOther(join(root, `companion-${i}.gguf`), keys, tensor), 1, found, todo);
});

test('files of other kinds under a model’s name are told by their bytes', async () => {
  const files: [name: string, content: string | Uint8Array, found: RegExp, todo: RegExp][] = [
    ['pointer.gguf', pointer, /Git LFS pointer/, /git lfs pull/],
    ['page.gguf', '<!doctype html>', /web page/, /download it again/],
    ['model.pt', latin('\x80\x02}q'), /PyTorch pickle/, /convert it to safetensors/],
    ['model.gguf.gz', latin('\x1f\x8b\x08'), /compressed with gzip/, /unpack it first/],
    ['none.gguf', '', /is empty/, /download it again/],
  ];
  for (const [name, content, found, todo] of files) {
    writeFileSync(join(root, name), content);
    await assertTold(join(root, name), 1, found, todo);
  }
});

/** A linear layer as other tools leave it. */
const quantized = (suffixes: Record<string, string>) => (tensors: Map<string, StoredTensor>) => {
  const name = 'model.layers.0.mlp.up_proj';
  tensors.delete(`${name}.weight`);
  for (const [suffix, dtype] of Object.entries(suffixes))
    tensors.set(`${name}.${suffix}`, { dtype, shape: [2], bytes: new Uint8Array(dtype === 'F16' ? 4 : 8) });
};

test('checkpoints that are quantized already name the original to ask for', async () => {
  const card = '---\nlicense: mit\nbase_model: some-user/base\n---\n# A model\n';
  const checkpoints: [what: string, options: FolderOptions, found: RegExp, todo: RegExp][] = [
    [
      'gptq',
      { edit: quantized({ qweight: 'I32', scales: 'F16', g_idx: 'I32' }), files: { 'README.md': card } },
      /already quantized \(GPTQ\)/,
      /give the original, some-user\/base/,
    ],
    [
      'compressed',
      { edit: quantized({ weight_packed: 'I32', weight_scale: 'F16' }), overrides: { _name_or_path: 'other/base' } },
      /\(compressed-tensors\)/,
      /give the original, other\/base/,
    ],
    [
      'mlx',
      {
        edit: quantized({ weight: 'U32', scales: 'F16', biases: 'F16' }),
        overrides: { quantization: { bits: 4, group_size: 64 } },
      },
      /\(MLX\)/,
      /give the original/,
    ],
    [
      'left over',
      { overrides: { quantization_config: { quant_method: 'awq' } } },
      /quantization_config \(awq\), but all weights are plain F32/,
      /take that entry out of config\.json/,
    ],
  ];
  for (const [what, options, found, todo] of checkpoints)
    await assertTold(await writeFolder(join(root, what), options), 1, found, todo);
});

test('config.json as Python writes it, with words for what is no number, is read', async () => {
  const written = JSON.stringify({ ...syntheticConfig('LlamaForCausalLM'), time_step_limit: [0, '@'], note: 'NaN' });
  for (const [i, word] of ['Infinity', '-Infinity', 'NaN'].entries()) {
    const files = { 'config.json': written.replace('"@"', word) };
    assert.deepEqual(await toldOfOpening(await writeFolder(join(root, `python-${i}`), { files })), {
      code: 0,
      line: '',
    });
  }
  const infinite = { 'config.json': written.replace('"rope_theta":10000', '"rope_theta":Infinity') };
  await assertTold(
    await writeFolder(join(root, 'infinite'), { files: infinite }),
    1,
    /rope_theta is Infinity/,
    /expected a positive number/,
  );
});

async function variants(name: string, files: Record<string, string>): Promise<string> {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  for (const [file, format] of Object.entries(files)) await writeGgufModel(join(folder, file), format);
  return folder;
}

const formatOf = async (path: string, purpose?: 'run' | 'original'): Promise<string> => {
  const model = await openModel(path, purpose);
  await model.close();
  return model.tensors.get('blk.0.ffn_up.weight')!.format;
};

test('of a folder’s files the most exact stands for the original; otherwise one must be named', async () => {
  const one = await variants('one', { 'm-Q8_0.gguf': 'Q8_0' });
  assert.equal(await formatOf(one), 'Q8_0');
  const several = await variants('several', {
    'm-Q4_0.gguf': 'Q4_0',
    'm-f16.gguf': 'F16',
    'm-Q8_0.gguf': 'Q8_0',
    'mmproj-m-F32.gguf': 'F32',
  });
  assert.equal(await formatOf(several, 'original'), 'F16');
  await assertTold(several, 2, /holds 3 models/, /give one of them: m-Q4_0\.gguf, m-Q8_0\.gguf, m-f16\.gguf/);
  const others = await variants('others', { 'a-F16.gguf': 'F16', 'b-F32.gguf': 'F32' });
  await assertTold(others, 2, /holds 2 models/, /give one of them: a-F16\.gguf, b-F32\.gguf/, 'original');
  const unlabelled = await variants('unlabelled', { 'm.gguf': 'F32', 'm-Q8_0.gguf': 'Q8_0' });
  await assertTold(unlabelled, 2, /holds 2 models/, /give one of them/, 'original');
  const beside = await writeFolder(join(root, 'beside'));
  await writeGgufModel(join(beside, 'm-Q4_0.gguf'), 'Q4_0');
  assert.equal(await formatOf(beside, 'original'), 'F32');
});

test('a safetensors file stands for itself where it is not one of its folder’s usual files', async () => {
  const folder = await writeFolder(join(root, 'named'));
  const values = async (path: string): Promise<Float32Array> => {
    const model = await openModel(path);
    const loaded = await model.tensors.get('output_norm.weight')!.load();
    await model.close();
    return loaded;
  };
  const changed = await writeFolder(join(root, 'changed'), {
    edit: (tensors) => tensors.set('model.norm.weight', { dtype: 'F32', shape: [64], bytes: new Uint8Array(256) }),
    files: { 'other.safetensors': null },
  });
  const { copyFileSync } = await import('node:fs');
  copyFileSync(join(changed, 'model.safetensors'), join(folder, 'other.safetensors'));
  assert.notEqual((await values(join(folder, 'model.safetensors')))[0], 0);
  assert.equal((await values(join(folder, 'other.safetensors')))[0], 0);
});

test('a quantized source is said to be one, with its bits, and is not called the original', async () => {
  const plain = await syntheticModel('LlamaForCausalLM');
  assert.equal(quantizedRemark(plain), undefined);
  assert.equal(referenceName(plain), 'original');
  const sources: [format: string, remark: RegExp, name: string][] = [
    ['Q8_0', /^is quantized already \(Q8_0; 8\.50 bits per weight\): KL is against this file/, 'this 8.5-bit file'],
    ['Q4_0', /\(Q4_0; 4\.50 bits/, 'this 4.5-bit file'],
    ['MXFP4', /\(MXFP4; 4\.25 bits/, 'this 4.3-bit file'],
  ];
  for (const [format, remark, name] of sources) {
    const tensors = new Map(
      [...plain.tensors].map(([key, tensor]) => [key, tensor.shape.length > 1 ? { ...tensor, format } : tensor]),
    );
    assert.match(quantizedRemark({ tensors, baseModel: 'a/b' })!, remark);
    assert.match(quantizedRemark({ tensors, baseModel: 'a/b' })!, /give a\/b for the loss against that$/);
    assert.equal(referenceName({ tensors }), name);
  }
});
