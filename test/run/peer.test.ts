import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model, TensorRole } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { openPeer, type Peer } from '../support/peer.ts';
import { syntheticModel, tinyPath } from '../support/synthetic.ts';

const tokens = Array.from({ length: 64 }, (_, i) => (i * 613 + 12) % 4096);

let peer: Peer | string;
let folder: string;
before(async () => {
  peer = await openPeer();
  folder = await mkdtemp(join(tmpdir(), 'bitbudget-peer-'));
});
after(async () => {
  if (typeof peer !== 'string') await peer.close();
  await rm(folder, { recursive: true });
});

const qwen3 = { head_dim: 32, rope_theta: 1000000, tie_word_embeddings: true };
const llama3 = {
  max_position_embeddings: 512,
  rope_scaling: {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  },
};
const yarn = { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32 } };
const yarnAttention = {
  rope_parameters: {
    rope_theta: 5000,
    rope_type: 'yarn',
    factor: 2,
    attention_factor: 1.3,
    original_max_position_embeddings: 64,
  },
};
const cases: [string, () => Promise<Model>][] = [
  ['tiny', () => openModel(tinyPath)],
  ['llama with GQA', () => syntheticModel('LlamaForCausalLM')],
  [
    'llama with linear scaling',
    () => syntheticModel('LlamaForCausalLM', { rope_scaling: { type: 'linear', factor: 2 } }),
  ],
  ['llama3 RoPE factors', () => syntheticModel('LlamaForCausalLM', llama3)],
  ['yarn scaling', () => syntheticModel('LlamaForCausalLM', yarn)],
  ['yarn with its own attention factor', () => syntheticModel('Qwen2ForCausalLM', yarnAttention)],
  ['mistral', () => syntheticModel('MistralForCausalLM', { head_dim: 24 })],
  ['mistral within its window', () => syntheticModel('MistralForCausalLM', { sliding_window: 100 })],
  ['llama with biases everywhere', () => syntheticModel('LlamaForCausalLM', { attention_bias: true, mlp_bias: true })],
  ['qwen2 with biases', () => syntheticModel('Qwen2ForCausalLM', { tie_word_embeddings: true })],
  ['qwen3 with QK-norm', () => syntheticModel('Qwen3ForCausalLM', qwen3)],
];

for (const [name, open] of cases) {
  test(`${name}: F32 logits of HF, of our GGUF and of llama.cpp agree to 1e-3 of the largest`, async (t) => {
    const model = await open();
    const path = join(folder, `${name.replaceAll(' ', '-')}.gguf`);
    await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F32' });
    const reopened = await openModel(path);
    const ours = await logitsOf(model);
    assert.equal(largestDifference(await logitsOf(reopened), ours), 0, 'HF and GGUF differ');
    await model.close();
    await reopened.close();
    if (typeof peer === 'string') return t.skip(peer);
    const largest = ours.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = largestDifference(ours, await peer.logits(path, tokens)) / largest;
    t.diagnostic(`largest difference ${worst.toExponential(2)} of the largest logit`);
    assert.ok(worst < 1e-3, `largest difference ${worst} of the largest logit`);
  });
}

const mixes: Record<string, Partial<Record<TensorRole, string>>> = {
  'of 4 to 8 bits': { attn_q: 'Q6_K', attn_v: 'Q5_K', attn_output: 'Q4_0', ffn_up: 'Q4_K', ffn_down: 'IQ4_NL' },
  'of 1 to 3 bits': {
    attn_q: 'IQ3_S',
    attn_k: 'IQ3_XXS',
    attn_v: 'IQ2_S',
    attn_output: 'IQ2_XS',
    ffn_gate: 'IQ2_XXS',
    ffn_up: 'IQ1_S',
    ffn_down: 'IQ1_M',
  },
};

for (const [name, formats] of Object.entries(mixes)) {
  test(`quantized logits, ${name}, differ from llama.cpp’s by no more than both round activations`, async (t) => {
    if (typeof peer === 'string') return t.skip(peer);
    const source = await syntheticModel('LlamaForCausalLM', { hidden_size: 256, intermediate_size: 512 });
    const path = join(folder, `quantized-${name.replaceAll(' ', '-')}.gguf`);
    await writeModelGguf(source, await fileSink(path), { formatOf: (tensor) => formats[tensor.role] ?? 'Q8_0' });
    const model = await openModel(path);
    const exact = await logitsOf(model);
    const packed = await logitsOf(model, false);
    await model.close();
    const theirs = await peer.logits(path, tokens);
    const [ourNoise, theirNoise] = [distance(packed, exact), distance(theirs, exact)];
    t.diagnostic(
      `root mean square difference from float32: ours ${ourNoise.toExponential(2)}, llama.cpp ${theirNoise.toExponential(2)}`,
    );
    assert.ok(theirNoise < 0.05, 'llama.cpp reads other weights');
    assert.ok(ourNoise < 1.5 * theirNoise, 'our rounding is coarser');
    assert.ok(distance(packed, theirs) < 1.5 * Math.hypot(ourNoise, theirNoise));
  });
}

async function logitsOf(model: Model, exact = true): Promise<Float32Array> {
  const session = await createSession((await testKernels()).device, model, { contextLength: 64, exact });
  const logits = await session.allLogits(tokens);
  session.close();
  return logits;
}

/** Root mean square of the difference, relative to b. */
function distance(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return Number.isNaN(a[0] + b[0]) ? Number.POSITIVE_INFINITY : worst;
}
