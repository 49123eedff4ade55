import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeContents } from '../../src/container/contents.ts';
import { identify } from '../../src/container/identify.ts';
import { openTensorSource } from '../../src/container/open.ts';
import { readSafetensors } from '../../src/container/safetensors/read.ts';
import { memorySource } from '../../src/container/source/memory.ts';
import { FormatError } from '../../src/core/errors.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const bytes = (latin: string, length = 600): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i < latin.length ? latin.charCodeAt(i) : 7 + (i % 3)));

const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 269060552\n';
const files: [what: string, content: Uint8Array, line: RegExp][] = [
  ['a Git LFS pointer', text(pointer), /Git LFS pointer, not the file of 269060552 bytes itself; run "git lfs pull"/],
  ['a pointer without its size', text(pointer.slice(0, 60)), /Git LFS pointer, not the file itself/],
  ['a pointer with Windows line ends', text(pointer.replaceAll('\n', '\r\n')), /Git LFS pointer/],
  ['a page', text('<!doctype html><title>Sign in</title>'), /web page \(HTML\)/],
  ['a page after blanks', text('\n  <HTML lang="en">'), /web page \(HTML\)/],
  ['an XML answer', text('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), /XML answer of a server/],
  ['an answer in words', text('Entry not found'), /is text \("Entry not found"\), no weights/],
  ['an answer in JSON', text('{"error":"Invalid credentials"}'), /is JSON text .*no weights; give the model’s folder/],
  ['an empty file', new Uint8Array(0), /is empty; download it again/],
  ['a file of zeros', new Uint8Array(4096), /begins with zeros: it was never written to the end/],
  ['a PyTorch archive', bytes('PK\x03\x04\x14\0\0\0archive/data.pkl'), /PyTorch pickle, which runs code when loaded/],
  ['a pickle of protocol 2', bytes('\x80\x02}q\0('), /PyTorch pickle/],
  ['an old PyTorch checkpoint', bytes('\x80\x02\x8a\x0al\xfc'), /PyTorch pickle/],
  ['a pickle of protocol 4', bytes('\x80\x04\x95\x10\0'), /PyTorch pickle/],
  ['an npz', bytes('PK\x03\x04\x14\0\0\0lm_head.weight.npy'), /NumPy archive/],
  ['another ZIP', bytes('PK\x03\x04\x14\0\0\0model.gguf'), /ZIP archive; unpack it first/],
  ['gzip', bytes('\x1f\x8b\x08\0'), /compressed with gzip; unpack it first/],
  ['zstd', bytes('\x28\xb5\x2f\xfd\x04'), /compressed with zstd/],
  ['tar', bytes(`${'a'.repeat(100).padEnd(257, '\0')}ustar`), /tar archive/],
  ['ONNX', bytes('\x08\x07\x12\x07pytorch'), /ONNX model/],
  ['HDF5', bytes('\x89HDF\r\n\x1a\n'), /HDF5/],
  ['GGML', bytes('lmgg\x01\0\0\0'), /GGML format of 2023.*convert the original again/],
  ['GGJT', bytes('tjgg\x03\0\0\0'), /GGJT format of 2023/],
];

test(`${files.length} kinds of files that are no model are told by their first bytes, whatever their name says`, async () => {
  for (const [what, content, line] of files) {
    for (const read of [openTensorSource, readSafetensors]) {
      await assert.rejects(read(memorySource(content, 'm')), (error: Error) => {
        assert.ok(error instanceof FormatError, what);
        assert.match(error.message, line, what);
        assert.match(error.message, /^m: (?:is|begins|looks)[^\n]*$/, what);
        return true;
      });
    }
  }
});

test('model files are not taken for anything else, whatever the length of their header', async () => {
  for (const length of [0x8b1f, 0x0708, 0x0280, 2]) {
    const header = `{}${' '.repeat(length - 2)}`;
    const out = new Uint8Array(8 + length);
    new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
    out.set(text(header), 8);
    assert.equal((await readSafetensors(memorySource(out, 'm'))).tensors.size, 0);
  }
  assert.equal(identify(bytes('GGUF\x03\0\0\0'), 600), undefined);
  assert.equal(identify(bytes('\xff\x01\x02'), 600), undefined);
});

const folders: [names: string[], line: RegExp][] = [
  [['adapter_config.json', 'adapter_model.safetensors'], /LoRA adapter, which is no model by itself/],
  [['config.json', 'pytorch_model.bin'], /PyTorch pickles \(pytorch_model\.bin\).*convert them to safetensors/],
  [['config.json', 'pytorch_model-00001-of-00002.bin', 'pytorch_model.bin.index.json'], /PyTorch pickles/],
  [['params.json', 'consolidated.00.pth'], /PyTorch pickles \(consolidated\.00\.pth\)/],
  [['params.json', 'consolidated.safetensors'], /Mistral’s own layout/],
  [
    ['config.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'],
    /2 shards without their model\.safetensors\.index\.json/,
  ],
  [['model_index.json', 'unet'], /diffusers pipeline/],
  [['config.json', 'onnx/model.onnx'], /ONNX model \(model\.onnx\)/],
  [['config.json', 'tf_model.h5'], /another framework \(tf_model\.h5\)/],
  [['config.json', 'weights.safetensors'], /holds weights\.safetensors where model\.safetensors is expected/],
  [['blobs', 'refs', 'snapshots'], /folder of the hub’s cache; give the folder below snapshots/],
  [['mmproj-F16.gguf'], /vision projector/],
  [[], /is empty/],
  [['README.md'], /neither \.gguf files nor config\.json/],
];

test(`${folders.length} kinds of folders without a model are told by what they hold`, () => {
  for (const [names, line] of folders) assert.match(describeContents(names), line, names.join(' '));
});
