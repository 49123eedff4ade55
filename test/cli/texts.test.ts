import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { assetPath, evaluationText } from '../../src/text/assets.node.ts';
import { cli } from '../support/cli.ts';
import { tinyPath } from '../support/synthetic.ts';

const folder = mkdtempSync(join(tmpdir(), 'bitbudget-texts-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

test('texts that cannot be used end a job before any work, with one line and nothing written', async () => {
  const short = file('short.txt', 'A few words.');
  const output = join(folder, 'out.gguf');
  const quantize = ['quantize', tinyPath, '--target-bpw', '4', '-o', output];
  const chats = file('chats.jsonl', `${JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }] })}\n`);
  const before = readdirSync(folder);
  const cases: [args: string[], code: number, line: RegExp][] = [
    [
      [...quantize, '--calibration', short],
      2,
      /calibration text: has \d+ tokens, expected at least one window of 256; give more text to --calibration/,
    ],
    [[...quantize, '--evaluation', short], 2, /evaluation text: has \d+ tokens, expected at least one window of 256/],
    [[...quantize, '--calibration', join(folder, 'absent.txt')], 2, /absent\.txt: no such file or folder/],
    [
      [...quantize, '--evaluation-tokens', '100'],
      2,
      /--evaluation-tokens: found 100, expected at least one window of 256/,
    ],
    [['eval', tinyPath, '--reference', tinyPath, '--evaluation', short], 2, /evaluation text: has \d+ tokens/],
    [
      ['measure', tinyPath, '--work-dir', join(folder, 'work'), '--calibration', chats],
      1,
      /chats\.jsonl line 1: chat template: the model has none/,
    ],
  ];
  await Promise.all(
    cases.map(async ([args, code, line]) => {
      const result = await cli(args);
      assert.equal(result.code, code, result.stderr);
      assert.equal(result.stdout, '');
      assert.match(result.stderr, line);
      assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
    }),
  );
  // The folder for work that was named is made to see whether it can be written.
  assert.deepEqual(
    readdirSync(folder).filter((name) => name !== 'work'),
    before,
  );
  assert.deepEqual(readdirSync(join(folder, 'work')), []);
  assert.equal(existsSync(output), false);
});

test('evaluation text that is short, or was calibrated on, is warned of', async () => {
  const book = gunzipSync(readFileSync(assetPath(evaluationText))).toString();
  const two = file('two.txt', book.slice(0, 4000));
  const evaluation = ['eval', tinyPath, '--reference', tinyPath, '--threads', '1'];
  const short = await cli([...evaluation, '--evaluation', two]);
  assert.equal(short.code, 0, short.stderr);
  assert.match(short.stderr, /evaluation text: \d windows of 256 tokens, so intervals are wide; give 8 or more/);
  assert.equal((await cli([...evaluation, '--evaluation', two, '--quiet'])).stderr, '');
  const work = ['--type', 'Q8_0', '--rounding', 'nearest', '--threads', '1', '-o'];
  const part = file('part.txt', book.slice(20_000, 30_000));
  const both = await cli([
    'quantize',
    tinyPath,
    ...work,
    join(folder, 'a.gguf'),
    '--calibration',
    part,
    '--evaluation',
    part,
  ]);
  assert.equal(both.code, 0, both.stderr);
  assert.match(
    both.stderr,
    /evaluation text: 100 % of it is in the calibration text, so results look better than they are/,
  );
});

test('folders without a tokenizer that can be read end in one line, and are left as they are', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n';
  const cases: [name: string, files: Record<string, string>, line: RegExp][] = [
    ['none', {}, /none: holds no tokenizer; expected tokenizer\.json, .*: fetch it from where the model came from/],
    ['half', { 'vocab.json': '{}' }, /half: vocab\.json without merges\.txt/],
    ['pointer', { 'tokenizer.json': pointer }, /git lfs pull/],
    ['tiktoken', { 'tokenizer.model': 'IQ== 0\nIg== 1\n' }, /tiktoken.*add the tokenizer\.json/],
    ['broken', { 'tokenizer.json': '{"model":' }, /tokenizer\.json: is not valid JSON; fetch it again/],
  ];
  await Promise.all(
    cases.map(async ([name, files, line]) => {
      const model = join(folder, name);
      mkdirSync(model);
      for (const kept of ['config.json', 'model.safetensors']) cpSync(join(tinyPath, kept), join(model, kept));
      for (const [file, content] of Object.entries(files)) writeFileSync(join(model, file), content);
      const before = readdirSync(model);
      const result = await cli(['run', model, '-p', 'hi', '-n', '1']);
      assert.equal(result.code, 1, result.stderr);
      assert.equal(result.stdout, '');
      assert.match(result.stderr, line);
      assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
      assert.deepEqual(readdirSync(model), before);
    }),
  );
});
