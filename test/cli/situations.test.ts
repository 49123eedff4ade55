import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openModel } from '../../src/model/open.node.ts';
import { type CliResult, cli } from '../support/cli.ts';
import { pictureOf, type StoredTensor, setValue, writeFolder, writeGgufModel } from '../support/folders.ts';

/*
 * Models that are not ordinary, as a user meets them on the command line, by kind: exit code, what is said, what is
 * written, and that nothing of theirs is touched.
 */

const root = mkdtempSync(join(tmpdir(), 'bitbudget-situations-'));
const output = (name: string): string => join(root, 'out', name);
const text = join(root, 'text.txt');
before(() => {
  mkdirSync(join(root, 'out'));
  writeFileSync(text, 'The old house stood by the river and the water said nothing. '.repeat(120));
});
after(() => rmSync(root, { recursive: true }));

const quick = ['--rounding', 'nearest', '--threads', '1', '--quiet', '--calibration', text, '--evaluation', text];
const quantize = (model: string, name: string, ...more: string[]): Promise<CliResult> =>
  cli(['quantize', model, '-o', output(name), '--work-dir', join(root, 'out', 'work'), ...quick, ...more]);

/** Runs a command that leaves the model's folder as it is. */
async function untouched(model: string, run: () => Promise<CliResult>): Promise<CliResult> {
  const picture = pictureOf(model);
  const result = await run();
  assert.deepEqual(pictureOf(model), picture);
  return result;
}

function assertRefused(result: CliResult, code: number, found: RegExp, todo: RegExp): void {
  assert.equal(result.code, code, result.stderr + result.stdout);
  assert.match(result.stderr, found);
  assert.match(result.stderr, todo);
  assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
  assert.ok(!/unexpected; set/.test(result.stderr), result.stderr);
}

type Edit = (tensors: Map<string, StoredTensor>) => void;
const set =
  (name: string, place: number, value: number): Edit =>
  (tensors) =>
    setValue(tensors, name, place, value);
const down = 'model.layers.1.mlp.down_proj.weight';

test('weights that are no numbers are named before any work, whatever is asked for', async () => {
  const broken: [name: string, edit: Edit, more: string[], found: RegExp][] = [
    ['nan', set(down, 5, Number.NaN), ['--target-bpw', '6'], /blk\.1\.ffn_down\.weight: holds NaN at row 0, column 5/],
    [
      'infinite norm',
      set('model.norm.weight', 3, Number.POSITIVE_INFINITY),
      ['--type', 'F16'],
      /output_norm\.weight: holds Infinity at place 3/,
    ],
    [
      'beyond float32',
      (tensors) => {
        const { shape } = tensors.get(down)!;
        const values = new Float64Array(shape[0] * shape[1]).fill(0.1);
        values[97] = 1e300;
        tensors.set(down, { dtype: 'F64', shape, bytes: new Uint8Array(values.buffer) });
      },
      ['--type', 'Q8_0'],
      /blk\.1\.ffn_down\.weight: holds Infinity at row 1, column 1/,
    ],
  ];
  for (const [name, edit, more, found] of broken) {
    const folder = await writeFolder(join(root, name), { edit });
    const result = await untouched(folder, () => quantize(folder, `${name}.gguf`, ...more));
    assertRefused(result, 1, found, /fetch the checkpoint again/);
    assert.throws(() => readFileSync(output(`${name}.gguf`)), /ENOENT/);
  }
  const sampled = await cli(['run', join(root, 'nan'), '-p', 'Once', '-n', '2', '--quiet', '--threads', '1']);
  assertRefused(sampled, 1, /computes NaN where a token's score should be/, /a weight of it/);
});

const zero =
  (name: string, isZero: (row: number, column: number) => boolean): Edit =>
  (tensors) => {
    const tensor = tensors.get(name)!;
    const values = new Float32Array(tensor.bytes.slice().buffer);
    const columns = tensor.shape[1];
    for (let i = 0; i < values.length; i++) if (isZero(Math.floor(i / columns), i % columns)) values[i] = 0;
    tensors.set(name, { ...tensor, bytes: new Uint8Array(values.buffer) });
  };

test('outliers, zero rows, zero columns and zero matrices are quantized within a budget', async () => {
  const models: [name: string, edit: Edit][] = [
    ['beyond float16', set(down, 3 * 96 + 5, 70000)],
    ['far beyond', set('model.layers.0.self_attn.v_proj.weight', 9, -3e8)],
    [
      'zero rows and columns',
      (tensors) => {
        zero(down, (row) => row % 3 === 0)(tensors);
        zero('model.layers.0.mlp.up_proj.weight', (_, column) => column < 8)(tensors);
        zero('model.embed_tokens.weight', (row) => row > 4000)(tensors);
      },
    ],
    ['a zero matrix', zero('model.layers.0.self_attn.o_proj.weight', () => true)],
  ];
  for (const [name, edit] of models) {
    const folder = await writeFolder(join(root, name), { edit });
    const result = await untouched(folder, () => quantize(folder, `${name}.gguf`, '--target-bpw', '9'));
    assert.equal(result.code, 0, `${name}: ${result.stderr}`);
    assert.match(result.stdout, /^measured +KL \d/m, name);
    assert.ok(!/NaN|Infinity/.test(result.stdout), result.stdout);
    const written = readFileSync(output(`${name}.bitbudget.json`), 'utf8');
    assert.ok(!/null,? *$/m.test(written.replace(/"(?:low|high)".*/g, '')), name);
  }
});

test('weights beyond what float32 sums hold: told before any work, no prediction that does not hold, nothing infinite', async () => {
  const attention = 'model.layers.0.self_attn.v_proj.weight';
  const models: [name: string, edit: Edit, code: number, said: RegExp][] = [
    ['1e20', set(down, 9, 1e20), 0, /^predicted +nothing that holds for this model/m],
    ['1e30 in attention', set(attention, 9, 1e30), 1, /cannot be measured or predicted|nothing can be predicted/],
    ['1e20 in a norm', set('model.norm.weight', 9, 1e20), 1, /cannot be measured or predicted/],
    ['1e20 in the head', set('lm_head.weight', 9, 1e20), 1, /no perplexity of it is a number/],
  ];
  for (const [name, edit, code, said] of models) {
    const folder = await writeFolder(join(root, name), { edit });
    const { stdout, stderr, ...result } = await untouched(folder, () =>
      quantize(folder, `${name}.gguf`, '--target-bpw', '9'),
    );
    assert.equal(result.code, code, `${name}: ${stderr}`);
    assert.match(
      stderr,
      /^bitbudget: weights: .* holds 1\.00e\+[23]0; float32 loses what it computes beside that/m,
      name,
    );
    assert.match(code === 0 ? stdout : stderr, said, name);
    assert.ok(!/NaN|Infinity|unexpected/.test(stdout + stderr), `${name}: ${stdout}${stderr}`);
    if (code !== 0) {
      assert.equal(stderr.trim().split('\n').length, 2, stderr);
      assert.throws(() => readFileSync(output(`${name}.gguf`)), /ENOENT/);
      continue;
    }
    const record = JSON.parse(readFileSync(output(`${name}.bitbudget.json`), 'utf8'));
    assert.deepEqual([record.result.predictedKl, record.frontier], [undefined, []], name);
    const model = await openModel(output(`${name}.gguf`));
    assert.equal(model.metadata.get('bitbudget.predicted_kl'), undefined, name);
    await model.close();
  }
  const plain = ['--type', 'Q8_0', '--rounding', 'nearest', '--threads', '1', '--quiet', '-o', output('head.gguf')];
  const head = join(root, '1e20 in the head');
  assert.equal((await cli(['quantize', head, ...plain])).code, 0);
  const judged = await cli(['eval', output('head.gguf'), '--reference', head, '--evaluation', text, '--quiet']);
  assertRefused(judged, 1, /the original is off by .* nats at a mean token/, /a weight of it is too large/);
  assert.equal(judged.stdout, '');
});

test('what a format cannot hold is stored in another, and the summary says which and why', async () => {
  const asked: [name: string, edit: Edit | undefined, overrides: object, type: string, held: RegExp, why: RegExp][] = [
    [
      'short rows',
      undefined,
      {},
      'Q4_K',
      /^formats +Q4_0|IQ4_NL|Q4_1|Q5/m,
      /instead of Q4_K in \d+ matrices: rows of 64 are no multiple of 256/,
    ],
    [
      'odd rows',
      undefined,
      { hidden_size: 36, head_dim: 10, num_attention_heads: 4 },
      'IQ4_NL',
      /BF16/,
      /BF16 instead of IQ4_NL in .*: rows of 36 are no multiple of 32, rows of 40/,
    ],
    ['ternary', undefined, {}, 'TQ2_0', /^formats/m, /instead of TQ2_0/],
    [
      'outlier',
      set(down, 3 * 96 + 5, 70000),
      {},
      'F16',
      /F16 \d+ %, BF16 \d+ %/,
      /BF16 instead of F16 in blk\.1\.ffn_down\.weight: a weight of 70000 is beyond its 65504/,
    ],
  ];
  for (const [name, edit, overrides, type, held, why] of asked) {
    const folder = await writeFolder(join(root, name), { edit, overrides: overrides as Record<string, unknown> });
    const result = await untouched(folder, () => quantize(folder, `${name}.gguf`, '--type', type, '--no-verify'));
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, held, name);
    assert.match(result.stdout, why, name);
    const model = await openModel(output(`${name}.gguf`));
    const share = /^formats +(\w+)/m.exec(result.stdout)![1];
    assert.ok(
      [...model.tensors.values()].some(({ format }) => format === share),
      `${share} is not in the file`,
    );
    for (const tensor of model.tensors.values()) assert.ok((await tensor.load()).every(Number.isFinite), tensor.name);
    assert.ok(![...model.metadata.values()].some(({ value }) => Number.isNaN(value)), 'NaN in metadata');
    await model.close();
  }
});

test('sliding windows are computed, carried into the file, and told where llama.cpp will not keep to them', async () => {
  const overrides = { sliding_window: 32, max_position_embeddings: 128 };
  const folder = await writeFolder(join(root, 'window'), { architecture: 'MistralForCausalLM', overrides });
  const off = await writeFolder(join(root, 'off'), {
    architecture: 'MistralForCausalLM',
    overrides: { ...overrides, sliding_window: null },
  });
  const written = await untouched(folder, () => quantize(folder, 'window.gguf', '--type', 'F32', '--no-verify'));
  assert.equal(written.code, 0, written.stderr);
  assert.match(written.stdout, /^window +llama\.cpp ignores the model's sliding window of 32 tokens/m);
  const kl = async (reference: string, context: number): Promise<number> => {
    const args = ['--evaluation', text, '--context', String(context), '--threads', '1', '--quiet', '--json'];
    const result = await cli(['eval', output('window.gguf'), '--reference', reference, ...args]);
    assert.equal(result.code, 0, result.stderr);
    return JSON.parse(result.stdout).kl.mean;
  };
  assert.ok((await kl(folder, 64)) < 1e-6, 'the file slides as its source does');
  assert.ok((await kl(off, 32)) < 1e-6, 'within the window nothing differs');
  assert.ok((await kl(off, 64)) > 1e-3, 'beyond it something does');
  const plain = await quantize(off, 'off.gguf', '--type', 'F32', '--no-verify');
  assert.doesNotMatch(plain.stdout, /sliding window/);
});

test('the most exact of several files is quantized; a quantized one is said to be that', async () => {
  const folder = join(root, 'variants');
  mkdirSync(folder);
  await writeGgufModel(join(folder, 'm-F16.gguf'), 'F16');
  await writeGgufModel(join(folder, 'm-Q4_0.gguf'), 'Q4_0');
  const exact = await untouched(folder, () => quantize(folder, 'exact.gguf', '--target-bpw', '9'));
  assert.equal(exact.code, 0, exact.stderr);
  assert.equal(exact.stderr, '');
  assert.match(exact.stdout, /, original \d/);
  const worse = await quantize(join(folder, 'm-Q4_0.gguf'), 'worse.gguf', '--target-bpw', '7');
  assert.equal(worse.code, 0, worse.stderr);
  assert.match(
    worse.stderr,
    /m-Q4_0\.gguf: is quantized already \(Q4_0; 4\.50 bits per weight\): KL is against this file/,
  );
  assert.equal(worse.stderr.trim().split('\n').length, 1);
  assert.match(worse.stdout, /, this 4\.5-bit file \d/);
  assert.doesNotMatch(worse.stdout, /original/);
  assertRefused(
    await cli(['run', folder, '-p', 'x']),
    2,
    /holds 2 models/,
    /give one of them: m-F16\.gguf, m-Q4_0\.gguf/,
  );
});
