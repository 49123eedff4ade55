import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TensorEntry, TensorFile } from '../../src/container/types.ts';
import { Random } from '../../src/core/random.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import { withMxfp4 } from '../../src/model/mxfp4.ts';
import { convertedBlocks } from '../../src/model/write-gguf.ts';
import { configs } from '../support/configs.ts';
import { syntheticConfig, syntheticFile, tinyTokenizer } from '../support/synthetic.ts';

/** Values of E2M1 codes. @see OCP Microscaling Formats (MX) 1.0, table 5 */
const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

function entry(name: string, shape: number[], bytes: Uint8Array): TensorEntry {
  const read = async (start = 0, end = bytes.length): Promise<Uint8Array> => bytes.slice(start, end);
  return { name, format: 'U8', shape, byteLength: bytes.length, read };
}

/** Random codes and scales of experts [experts, rows, columns], and what they are worth. */
function published(random: Random, name: string, [experts, rows, columns]: [number, number, number]) {
  const blocks = columns / 32;
  const codes = Uint8Array.from({ length: (experts * rows * columns) / 2 }, () => random.integer(256));
  const scales = Uint8Array.from({ length: experts * rows * blocks }, () => 120 + random.integer(6));
  const values = Float32Array.from({ length: experts * rows * columns }, (_, i) => {
    const code = (codes[i >> 1] >> (i % 2 ? 4 : 0)) & 15;
    // Plus 0, so that −0 is 0.
    return (code & 8 ? -1 : 1) * E2M1[code & 7] * 2 ** (scales[Math.floor(i / 32)] - 127) + 0;
  });
  const entries = [
    entry(`${name}_blocks`, [experts, rows, blocks, 16], codes),
    entry(`${name}_scales`, [experts, rows, blocks], scales),
  ];
  return { entries, values };
}

const fields = configs.GptOssForCausalLM;

/** A gpt-oss checkpoint whose experts are as published. */
async function checkpoint() {
  const config = {
    ...syntheticConfig('GptOssForCausalLM', { ...fields }),
    quantization_config: { quant_method: 'mxfp4' },
  };
  const file = syntheticFile(config);
  const tensors = new Map(file.tensors);
  const random = new Random(3);
  const values = new Map<string, Float32Array>();
  const { num_local_experts: experts, intermediate_size: width } = fields;
  for (const name of file.tensors.keys()) {
    if (!/experts\.(gate_up|down)_proj$/.test(name)) continue;
    const shape: [number, number, number] = name.endsWith('down_proj')
      ? [experts, 64, width]
      : [experts, 2 * width, 64];
    const made = published(random, name, shape);
    tensors.delete(name);
    for (const each of made.entries) tensors.set(each.name, each);
    values.set(name, made.values);
  }
  return { file: { ...file, tensors } satisfies TensorFile, config, values };
}

test('experts published in MXFP4 have the values of the standard, and stay in their blocks', async () => {
  const { file, config, values } = await checkpoint();
  const model = await modelFromTensorFile(file, { tokenizer: await tinyTokenizer(), config });
  const { num_local_experts: experts, intermediate_size: width } = fields;
  let compared = 0;
  for (const [index, kind] of ['gate', 'up'].entries()) {
    const tensor = model.tensors.get(`blk.1.ffn_${kind}_exps.weight`)!;
    const both = values.get('model.layers.1.mlp.experts.gate_up_proj')!;
    const loaded = await tensor.load();
    for (let row = 0; row < experts * width; row++)
      assert.deepEqual(
        loaded.slice(row * 64, (row + 1) * 64),
        both.slice((2 * row + index) * 64, (2 * row + index + 1) * 64),
      );
    compared += loaded.length;
  }
  const down = model.tensors.get('blk.1.ffn_down_exps.weight')!;
  assert.deepEqual(await down.load(), values.get('model.layers.1.mlp.experts.down_proj'));
  assert.equal(compared, 2 * experts * width * 64);
  // Written again in MXFP4, the blocks are those that were read.
  const pieces: Uint8Array[] = [];
  for await (const piece of convertedBlocks(down, 'MXFP4')) pieces.push(piece);
  assert.equal(down.format, 'MXFP4');
  assert.deepEqual(Buffer.concat(pieces), Buffer.from(await down.loadBlocks!()));
  await model.close();
});

test('rejects MXFP4 whose scales are of another shape', async () => {
  const codes = entry('a_blocks', [2, 1, 16], new Uint8Array(32));
  const scales = entry('a_scales', [1, 1], new Uint8Array(1));
  const tensors = new Map([codes, scales].map((each) => [each.name, each]));
  const file: TensorFile = { container: 'safetensors', metadata: new Map(), tensors, close: async () => {} };
  assert.throws(() => withMxfp4(file), /a_blocks: shape is \[2, 1, 16\], expected \[1, 1, 16\]/);
});
