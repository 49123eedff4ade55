import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { cli } from '../support/cli.ts';
import { configs } from '../support/configs.ts';
import { writeGgufModel } from '../support/folders.ts';
import { syntheticModel } from '../support/synthetic.ts';

/* Encoders on the command line: every verb, and what says that it is for other models. */

const root = mkdtempSync(join(tmpdir(), 'bitbudget-embed-'));
const file = (name: string): string => join(root, name);
const encoder = file('encoder.gguf');
const text = file('text.txt');
before(async () => {
  const model = await syntheticModel('BertModel', configs.BertModel);
  await writeModelGguf(model, await fileSink(encoder), { formatOf: () => 'F32' });
  const lines = Array.from(
    { length: 400 },
    (_, i) => `The ${i}th house by the river had ${i * 7} doors and no one in it.`,
  );
  writeFileSync(text, lines.join(' '));
});
after(() => rmSync(root, { recursive: true }));

test('embed gives vectors of unit length, as JSON and as a NumPy array', async () => {
  const output = file('x.npy');
  const { code, stdout, stderr } = await cli(['embed', encoder, 'a house', 'the river', '--json', '-o', output]);
  assert.equal(code, 0, stderr);
  const { width, vectors } = JSON.parse(stdout) as { width: number; vectors: number[][] };
  assert.deepEqual([width, vectors.length], [64, 2]);
  for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5 && vector.length === width);
  assert.notDeepEqual(vectors[0], vectors[1]);
  const bytes = readFileSync(output);
  const header = bytes.readUInt16LE(8);
  assert.equal((10 + header) % 64, 0);
  assert.match(bytes.subarray(10, 10 + header).toString(), /'descr': '<f4'.*'shape': \(2, 64,\)/);
  assert.equal(bytes.length, 10 + header + 4 * 2 * width);
  assert.equal(bytes.readFloatLE(10 + header + 4 * width), vectors[1][0]);
});

test('embed refuses what it cannot do in one line', async () => {
  const cases: [args: string[], found: RegExp][] = [
    [
      [await writeGgufModel(file('decoder.gguf'), 'F32'), 'a'],
      /gives next tokens and no vectors of texts; use bitbudget run/,
    ],
    [[encoder, 'a', '-o', file('x.txt')], /expected a name that ends with \.npy/],
    [[encoder, 'word '.repeat(500)], /text 1: has \d+ tokens, the model reads 128 at most/],
  ];
  for (const [args, found] of cases) {
    const { code, stderr } = await cli(['embed', ...args, '--quiet']);
    assert.equal(code, 2, stderr);
    assert.match(stderr, found);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});

test('what needs next tokens names embed in one line', async () => {
  const cases = [
    ['run', encoder, '-p', 'a'],
    ['eval', encoder, '--save-base', file('base.kld'), '--evaluation', text],
    ['latency', encoder],
  ];
  for (const args of cases) {
    const { code, stderr } = await cli([...args, '--quiet', '--threads', '1']);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /is an encoder, which gives vectors and no next tokens; use bitbudget embed/);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
  const budget = ['--target-bpw', '9', '--kv-budget', '1MB', '-o', file('no.gguf')];
  const { code, stderr } = await cli(['quantize', encoder, ...budget, '--quiet', '--calibration', text]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /--kv-budget: is for models that give next tokens, and this one is an encoder/);
});

test('inspect, measure, plan, quantize, report and eval work for encoders', async () => {
  const common = ['--work-dir', file('work'), '--threads', '1', '--quiet', '--calibration', text];
  const output = file('small.gguf');
  const done = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(args);
    assert.equal(code, 0, `${args[0]}: ${stderr}`);
    return stdout;
  };
  assert.match(await done('inspect', encoder), /bert/);
  assert.match(await done('measure', encoder, ...common), /blk\.0\.ffn_up\.weight/);
  assert.match(
    await done('plan', encoder, '--target-bpw', '9', ...common, '--evaluation', text),
    /predicted {2}1 − cosine/,
  );
  const made = await done('quantize', encoder, '--target-bpw', '9', '-o', output, ...common, '--evaluation', text);
  assert.match(made, /measured {3}1 − cosine \d\.\d+ ± \d\.\d+ on \d+ held-out texts/);
  assert.match(made, /bitbudget embed .*small\.gguf/);
  assert.match(await done('report', file('small.bitbudget.json'), '-o', file('page.html')), /page\.html/);
  const pairs = file('pairs.tsv');
  writeFileSync(pairs, ['a house\tdoors by the river', 'the sea\tno one in it', 'rain\tseven times seven'].join('\n'));
  const compare = ['eval', output, '--reference', encoder, '--evaluation', text, '--quiet', '--threads', '1'];
  assert.match(await done(...compare), /1 − cosine +mean[\s\S]*recall@1 .* pairs/);
  const { recall, kl } = JSON.parse(await done(...compare, '--pairs', pairs, '--json'));
  assert.equal(recall.pairs, 3);
  assert.ok(kl.mean > 0 && kl.mean < 0.1);
});
