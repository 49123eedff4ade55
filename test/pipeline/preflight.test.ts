import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openModel } from '../../src/model/open.node.ts';
import type { Model, ModelConfig } from '../../src/model/types.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { jobAmounts, keptBytes } from '../../src/pipeline/preflight/amounts.ts';
import { checkOutputs, refuseSource } from '../../src/pipeline/preflight/outputs.node.ts';
import { checkRoom } from '../../src/pipeline/preflight/room.node.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import { recordPath } from '../../src/pipeline/record-path.ts';
import { syntheticModel, tinyPath } from '../support/synthetic.ts';
import { quickOptions, smallModelFile, temporaryFolder } from './support.ts';

/** Each way in which an output cannot be, with the line that says so. */
async function outputs(context: TestContext) {
  const folder = await temporaryFolder(context);
  const at = (name: string) => join(folder, name);
  mkdirSync(at('folder'));
  writeFileSync(at('file'), 'mine');
  return {
    at,
    refused: [
      [at('folder'), /folder: is a folder; name a file in it/],
      [`${at('new')}/`, /new\/": is a folder; name a file in it/],
      ['', /"": is a folder; name a file in it/],
      [at('file'), /file: already exists; give --yes to overwrite it/],
      [at('file/below.gguf'), /below\.gguf: .*(is a file, not a folder|cannot be reached \(ENOTDIR\)); name a file/],
      [at('file/deep/below.gguf'), /below\.gguf: .*(is a file, not a folder|cannot be reached \(ENOTDIR\)); name a/],
      ['/dev/null', /\/dev\/null: is no ordinary file/],
      [at('x'.repeat(300)), /x: cannot be a file \(ENAMETOOLONG\); name another/],
    ] as const,
  };
}

test('outputs that cannot be written are refused before any work, each in one line, and nothing is touched', async (context) => {
  const { at, refused } = await outputs(context);
  let checked = 0;
  for (const [path, line] of refused) {
    await assert.rejects(checkOutputs([path], undefined), (error: Error & { exitCode: number }) => {
      assert.match(error.message, line);
      assert.equal(error.exitCode, 2);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    checked++;
  }
  assert.equal(checked, 8);
  assert.equal(readFileSync(at('file'), 'utf8'), 'mine');
  await checkOutputs([at('file')], true);
  await checkOutputs([at('deep/er/new.gguf'), at('deep/er/new.json')], undefined);
  assert.equal(existsSync(at('deep')), false, 'checking makes nothing');
  await assert.rejects(checkOutputs([at('a.gguf'), at('./a.gguf')], true), /named for two outputs/);
});

test('side files count as outputs', async (context) => {
  const { at } = await outputs(context);
  assert.equal(recordPath('m.gguf'), 'm.bitbudget.json');
  writeFileSync(recordPath(at('m.gguf')), '{}');
  const both = [at('m.gguf'), recordPath(at('m.gguf'))];
  await assert.rejects(checkOutputs(both, undefined), /m\.bitbudget\.json: already exists/);
});

test('the source is no output under any name: itself, a link to it, a file of its folder', async (context) => {
  const folder = await temporaryFolder(context);
  const at = (name: string) => join(folder, name);
  for (const name of ['model.gguf', 'other.gguf']) writeFileSync(at(name), name);
  symlinkSync(at('model.gguf'), at('symbolic.gguf'));
  linkSync(at('model.gguf'), at('hard.gguf'));
  let refused = 0;
  for (const name of [
    'model.gguf',
    'symbolic.gguf',
    'hard.gguf',
    '../'.concat(folder.split('/').at(-1)!, '/model.gguf'),
  ]) {
    await assert.rejects(
      refuseSource([at(name)], at('model.gguf')),
      /: is the model that is read; name another output/,
    );
    refused++;
  }
  assert.equal(refused, 4);
  await refuseSource([at('other.gguf'), at('absent.gguf')], at('model.gguf'));
  await assert.rejects(refuseSource([join(tinyPath, 'model.safetensors')], tinyPath), /is the model that is read/);
  await assert.rejects(refuseSource([at('other.gguf')], folder), /is the model that is read/, 'a folder of GGUF files');
  writeFileSync(at('model.safetensors'), '');
  await refuseSource([at('other.gguf')], folder);
});

test('a job that needs more disk or memory than there is is refused with both numbers', async (context) => {
  const folder = await temporaryFolder(context);
  const room = { memoryBytes: 1e6, outputBytes: 1e6, keptBytes: 1e6, temporaryBytes: 1e6 };
  await checkRoom(room, join(folder, 'out.gguf'), join(folder, 'store'));
  const check = (more: Partial<typeof room>) => checkRoom({ ...room, ...more }, join(folder, 'out.gguf'), folder);
  await assert.rejects(check({ outputBytes: 1e18 }), /GB are free, 1000000000\.0 GB for the file and 2 MB for kept/);
  await assert.rejects(
    check({ keptBytes: 1e18 }),
    /GB are free, .* for kept and unfinished work are needed; make room/,
  );
  await assert.rejects(check({ memoryBytes: 1e18 }), /memory: .* free, about 1000000000\.0 GB are needed/);
});

/** A model of these sizes of which only shapes are looked at. */
function shapes(config: Partial<ModelConfig>, base: Model): Model {
  const { layers = 1, hidden = 1, feedForward = 1, heads = 1, kvHeads = 1, headDim = 1, vocabulary = 1 } = config;
  const matrix = (name: string, role: string, layer: number, rows: number, columns: number) => [
    name,
    { ...base.tensors.get('token_embd.weight')!, name, role, layer, shape: [rows, columns] },
  ];
  const tensors = [matrix('token_embd.weight', 'token_embd', -1, vocabulary, hidden)];
  if (!config.tied) tensors.push(matrix('output.weight', 'output', -1, vocabulary, hidden));
  for (let l = 0; l < layers; l++) {
    const add = (role: string, rows: number, columns: number) =>
      tensors.push(matrix(`blk.${l}.${role}.weight`, role, l, rows, columns));
    add('attn_q', heads * headDim, hidden);
    add('attn_k', kvHeads * headDim, hidden);
    add('attn_v', kvHeads * headDim, hidden);
    add('attn_output', hidden, heads * headDim);
    add('ffn_gate', feedForward, hidden);
    add('ffn_up', feedForward, hidden);
    add('ffn_down', hidden, feedForward);
  }
  return { ...base, config: { ...base.config, ...config }, tensors: new Map(tensors as [string, never][]) };
}

test('a measurement takes at most 1.5 of a bfloat16 source of 1.5B and 8B weights, and 0.8 of SmolLM2', async () => {
  const base = await syntheticModel('LlamaForCausalLM');
  const models: readonly (readonly [string, Partial<ModelConfig>, number])[] = [
    [
      'Qwen2.5-1.5B',
      {
        layers: 28,
        hidden: 1536,
        feedForward: 8960,
        heads: 12,
        kvHeads: 2,
        headDim: 128,
        vocabulary: 151936,
        tied: true,
      },
      1.5,
    ],
    [
      'Llama-3-8B',
      {
        layers: 32,
        hidden: 4096,
        feedForward: 14336,
        heads: 32,
        kvHeads: 8,
        headDim: 128,
        vocabulary: 128256,
        tied: false,
      },
      1.5,
    ],
    [
      'SmolLM2-135M',
      { layers: 30, hidden: 576, feedForward: 1536, heads: 9, kvHeads: 3, headDim: 64, vocabulary: 49152, tied: true },
      0.8,
    ],
  ];
  let checked = 0;
  for (const [name, config, most] of models) {
    const model = shapes(config, base);
    const weights = [...model.tensors.values()].reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
    const share = keptBytes({ model, calibrationTokens: 16384, evaluationTokens: 0 }, 512) / (2 * weights);
    assert.ok(share > 0.3 && share <= most, `${name}: ${share.toFixed(3)} of the source`);
    checked++;
  }
  assert.equal(checked, 3);
});

test('a larger model, more text and more formats are more work', async () => {
  const base = await syntheticModel('LlamaForCausalLM');
  const job = { model: base, calibrationTokens: 1024, evaluationTokens: 512, palette: ['Q4_0', 'Q8_0'] };
  const amounts = jobAmounts(job);
  const larger = jobAmounts({ ...job, model: await syntheticModel('LlamaForCausalLM', { intermediate_size: 256 }) });
  for (const step of ['measure', 'price', 'quantize', 'verify'] as const) assert.ok(larger[step] > amounts[step], step);
  assert.equal(jobAmounts({ ...job, calibrationTokens: 2048 }).measure, 2 * amounts.measure);
  assert.equal(jobAmounts({ ...job, evaluationTokens: 0 }).verify, 0);
  assert.ok(jobAmounts({ ...job, palette: undefined }).price > amounts.price);
});

test('a plan of another model, a text shorter than a window and a missing text are refused before anything is measured', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const options = { ...quickOptions(folder), folder: join(folder, 'store') };
  const refused = async (more: object, line: RegExp) =>
    await assert.rejects(
      async () => quantizeModel(nodeHost, await openModel(source), { ...options, ...budgets, ...more }),
      (error: Error & { exitCode: number }) => line.test(error.message) && error.exitCode === 2,
    );
  const budgets = { target: { kind: 'budgets', wishes: { bitsPerWeight: 7 } } } as const;
  const plan = { version: 2, rounding: 'gptq', sites: { 'blk.9.attn_q.weight': 'Q4_0' }, default: 'Q8_0' } as const;
  await refused(
    { target: { kind: 'plan', plan } },
    /plan: names blk\.9\.attn_q\.weight, and the model has no such site/,
  );
  const short = new Int32Array(9);
  await refused(
    { evaluation: async () => ({ judged: short, probed: short, searched: short }) },
    /9 tokens, expected at least/,
  );
  await refused({ calibration: undefined }, /text to measure on is needed/);
  assert.equal(existsSync(join(folder, 'store')), false);
  assert.equal(existsSync(options.output), false);
});

test('one type, rounded to the nearest without a text, is measured by nothing and keeps nothing', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const plan = { version: 2, rounding: 'nearest', sites: {}, default: 'Q8_0' } as const;
  const stages = new Set<string>();
  const result = await quantizeModel(nodeHost, await openModel(source), {
    ...{ ...quickOptions(folder), folder: join(folder, 'store') },
    ...{ target: { kind: 'plan', plan }, calibration: undefined, evaluation: undefined },
    onProgress: ({ stage }) => stages.add(stage),
  });
  assert.deepEqual([...stages].sort(), ['checking', 'quantizing', 'writing']);
  assert.equal(result.measurement, undefined);
  assert.equal(result.evaluation, undefined);
  const written = await openModel(join(folder, 'out.gguf'));
  const [made, original] = [written, await openModel(source)].map((model) => model.tensors.get('blk.0.attn_q.weight')!);
  assert.equal(made.format, 'Q8_0');
  const [values, weights] = [await made.load(), await original.load()];
  const largest = weights.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(values.every((value, i) => Math.abs(value - weights[i]) <= largest / 127));
});
