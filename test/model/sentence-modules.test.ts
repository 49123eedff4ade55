import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { openModel } from '../../src/model/open.node.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { changed } from '../support/architecture.ts';
import { configs } from '../support/configs.ts';
import { comparedTexts, distance, vectorsOf } from '../support/encoder.ts';
import { type StoredTensor, safetensors, writeFolder } from '../support/folders.ts';
import { openPeer, type Peer } from '../support/peer.ts';

/* Folders of sentence-transformers: pooling and linear layers stand beside the model. */

const root = mkdtempSync(join(tmpdir(), 'bitbudget-modules-'));
let peer: Peer | string;
before(async () => {
  peer = await openPeer();
});
after(async () => {
  if (typeof peer !== 'string') await peer.close();
  rmSync(root, { recursive: true });
});

interface Module {
  readonly type: string;
  readonly path: string;
  readonly config?: Record<string, unknown>;
  readonly tensors?: ReadonlyMap<string, StoredTensor>;
}

/** A folder with modules behind the model. */
async function withModules(
  name: string,
  architecture: 'BertModel' | 'Gemma3TextModel',
  modules: readonly Module[],
  edit?: (tensors: Map<string, StoredTensor>) => void,
): Promise<string> {
  const path = await writeFolder(join(root, name), { architecture, overrides: { ...configs[architecture] }, edit });
  const first = { type: 'sentence_transformers.models.Transformer', path: '' };
  writeFileSync(
    join(path, 'modules.json'),
    JSON.stringify([first, ...modules.map(({ type, path: at }) => ({ type, path: at }))]),
  );
  for (const { path: at, config, tensors } of modules) {
    mkdirSync(join(path, at), { recursive: true });
    if (config) writeFileSync(join(path, at, 'config.json'), JSON.stringify(config));
    if (tensors) writeFileSync(join(path, at, 'model.safetensors'), safetensors(tensors));
  }
  return path;
}

const pooling = (config: Record<string, unknown>): Module => ({
  type: 'sentence_transformers.models.Pooling',
  path: '1_Pooling',
  config,
});

function dense(path: string, rows: number, columns: number, more: Record<string, unknown> = {}): Module {
  const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(1 + i * i) / Math.sqrt(columns));
  const tensor = { dtype: 'F32', shape: [rows, columns], bytes: new Uint8Array(values.buffer) };
  return {
    type: 'sentence_transformers.models.Dense',
    path,
    config: {
      in_features: columns,
      out_features: rows,
      bias: false,
      activation_function: 'torch.nn.modules.linear.Identity',
      ...more,
    },
    tensors: new Map([['linear.weight', tensor]]),
  };
}

/** Asserts that GGUF keeps what the folder says, and that llama.cpp gives the same vectors. @returns the vectors */
async function assertKept(path: string, bound: number): Promise<Float32Array[]> {
  const model = await openModel(path);
  const ours = await vectorsOf(model);
  const file = join(path, 'f32.gguf');
  await writeModelGguf(model, await fileSink(file), { formatOf: () => 'F32' });
  const reopened = await openModel(file);
  assert.deepEqual(reopened.config.embedding, model.config.embedding);
  assert.deepEqual(await vectorsOf(reopened), ours);
  await reopened.close();
  if (typeof peer !== 'string') {
    const theirs = await peer.vectors(file, comparedTexts(model));
    // It takes the form of GELU with tanh.
    const run = await vectorsOf({ ...model, graph: changed(model.graph, 'activate', { activation: 'gelu' }) });
    const worst = Math.max(...run.map((vector, i) => distance(vector, theirs[i])));
    assert.ok(worst <= bound, `1 − cosine ${worst}`);
  }
  await model.close();
  return ours;
}

/** llama.cpp looks GELU up in a table of F16; a mean over tokens evens its errors out, the vector of one token does not. */
const OF_ONE_TOKEN = 3e-6;

test('pooling of both layouts is read, kept in GGUF, and llama.cpp’s to 3e-6 of 1 − cosine', async () => {
  const first = await assertKept(
    await withModules('cls', 'BertModel', [pooling({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false })]),
    OF_ONE_TOKEN,
  );
  const last = await assertKept(
    await withModules('last', 'BertModel', [pooling({ pooling_mode: 'lasttoken' })]),
    OF_ONE_TOKEN,
  );
  const mean = await assertKept(
    await withModules('mean', 'BertModel', [pooling({ pooling_mode_mean_tokens: true })]),
    1e-6,
  );
  for (const [a, b] of [
    [first, last],
    [first, mean],
    [last, mean],
  ])
    assert.ok(distance(a.at(-1)!, b.at(-1)!) > 1e-3);
});

test('linear layers behind pooling stand in folders of their own, and in GGUF beside the model', async () => {
  const modules = [pooling({ pooling_mode_mean_tokens: true }), dense('2_Dense', 96, 64), dense('3_Dense', 64, 96)];
  const model = await openModel(await withModules('dense', 'Gemma3TextModel', modules));
  assert.deepEqual(model.tensors.get('dense_2.weight')?.shape, [96, 64]);
  assert.deepEqual(
    model.config.embedding?.dense?.map(({ rows }) => rows),
    [96, 64],
  );
  await model.close();
  await assertKept(join(root, 'dense'), 1e-6);
});

test('what GGUF cannot say of modules is told', async () => {
  const cases: [name: string, modules: Module[], found: RegExp][] = [
    [
      'max',
      [pooling({ pooling_mode_max_tokens: true })],
      /pooling is pooling_mode_max_tokens, expected one of mean, cls and lasttoken/,
    ],
    [
      'two',
      [pooling({ pooling_mode_mean_tokens: true, pooling_mode_cls_token: true })],
      /pooling is .* and .*, expected one of/,
    ],
    ['bias', [dense('2_Dense', 64, 64, { bias: true })], /a layer with a bias is not supported/],
    [
      'tanh',
      [dense('2_Dense', 64, 64, { activation_function: 'torch.nn.modules.activation.Tanh' })],
      /Tanh is not supported/,
    ],
  ];
  for (const [name, modules, found] of cases) {
    const path = await withModules(name, 'BertModel', modules);
    await assert.rejects(openModel(path), found, name);
  }
});

test('BERT is read with a prefix, old names of norms, and heads of other tasks left out', async () => {
  const plain = await openModel(await withModules('plain', 'BertModel', []));
  const expected = await vectorsOf(plain);
  await plain.close();
  const edit = (tensors: Map<string, StoredTensor>): void => {
    for (const [name, tensor] of [...tensors]) {
      tensors.delete(name);
      tensors.set(`bert.${name}`, tensor);
    }
    const head = { dtype: 'F32', shape: [2], bytes: new Uint8Array(8) };
    for (const name of ['cls.predictions.bias', 'cls.seq_relationship.bias', 'bert.pooler.dense.bias'])
      tensors.set(name, head);
  };
  const model = await openModel(await withModules('prefixed', 'BertModel', [], edit));
  assert.deepEqual(await vectorsOf(model), expected);
  await model.close();
});
