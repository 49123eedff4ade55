import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type BitbudgetError, FormatError, UsageError } from '../../src/core/errors.ts';
import { loadCorpus } from '../../src/text/corpus.node.ts';
import { encodeCorpus, firstCharacters, sharedRuns } from '../../src/text/corpus.ts';
import type { Tokenizer } from '../../src/text/types.ts';
import { tinyTokenizer } from '../support/synthetic.ts';

const folder = mkdtempSync(join(tmpdir(), 'bitbudget-corpus-'));
after(() => rmSync(folder, { recursive: true }));
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}
const lines = (...records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

const messages = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Yo' },
];
const template =
  '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}!{% endif %}';
/** The embedded tokenizer, with a template of its own. */
async function chatty(): Promise<Tokenizer> {
  const tiny = await tinyTokenizer();
  return Object.create(tiny, {
    chatTemplate: { value: template },
    encode: { value: tiny.encode.bind(tiny) },
    tokenBytes: { value: tiny.tokenBytes.bind(tiny) },
  });
}
/** What the tokens of a corpus say. */
async function textOf(...paths: string[]): Promise<string> {
  const tiny = await tinyTokenizer();
  return tiny.decode(encodeCorpus(await chatty(), await loadCorpus(paths)));
}

test('texts: plain files are joined as they are, gzipped or not', async () => {
  assert.equal(
    await textOf(file('a.txt', 'été\n'), file('b.md.gz', gzipSync('two')), file('c', 'three')),
    'été\ntwothree',
  );
});

test('texts: conversations of .jsonl go through the model’s template, whatever their fields are called', async () => {
  const expected = '[user]Hi[assistant]Yo';
  const spellings: unknown[] = [
    { messages },
    {
      id: 1,
      conversations: [
        { from: 'human', value: 'Hi' },
        { from: 'gpt', value: 'Yo' },
      ],
    },
    { prompt: 'Hi', completion: 'Yo' },
    { instruction: 'Hi', input: '', output: 'Yo' },
    { question: 'Hi', answer: 'Yo', text: null },
    { messages: [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'Hi' }] }, messages[1]] },
    messages,
  ];
  for (const record of spellings) {
    assert.equal(await textOf(file('chat.jsonl', lines(record))), expected, JSON.stringify(record));
  }
  const input = { instruction: 'Add', input: '1 2', output: '3', system: 'Calculate' };
  assert.equal(
    await textOf(file('chat.json', JSON.stringify([input]))),
    '[system]Calculate[user]Add\n\n1 2[assistant]3',
  );
  assert.equal(
    await textOf(file('two.jsonl.gz', gzipSync(lines({ messages }, { text: 'plain' })))),
    `${expected}plain\n\n`,
  );
});

test('texts: Parquet gives its column of texts or conversations, all row groups', async () => {
  const text = Array.from({ length: 25 }, (_, i) => `row ${i}`);
  const columns = [
    { name: 'id', data: text.map((_, i) => i) },
    { name: 'text', data: text },
  ];
  const plain = parquetWriteBuffer({ columnData: columns, rowGroupSize: 10 });
  assert.equal(await textOf(file('plain.parquet', new Uint8Array(plain))), text.map((row) => `${row}\n\n`).join(''));
  const chats = parquetWriteBuffer({ columnData: [{ name: 'messages', data: [messages, messages], type: 'JSON' }] });
  assert.equal(await textOf(file('chats.parquet', new Uint8Array(chats))), '[user]Hi[assistant]Yo'.repeat(2));
});

test('texts: a folder is all of its texts in the order of their paths, and nothing else in it', async () => {
  file('books/b.txt', 'B');
  file('books/a/z.txt.gz', gzipSync('A'));
  file('books/c.jsonl', lines({ text: 'C' }));
  file('books/cover.png', Uint8Array.of(0x89, 0x50));
  file('books/.hidden.txt', 'no');
  assert.equal(await textOf(join(folder, 'books')), 'ABC\n\n');
});

test('texts: what cannot be read is told in one line, with what to do', async () => {
  const empty = join(folder, 'nothing');
  mkdirSync(empty);
  file('pictures/a.png', 'x');
  const ints = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: [1] },
      { name: 'label', data: ['x'] },
    ],
  });
  const cases: [path: string, kind: typeof BitbudgetError, message: RegExp][] = [
    [join(folder, 'absent.txt'), UsageError, /absent\.txt: no such file or folder; check the path/],
    [file('void.txt', ''), UsageError, /void\.txt: is empty; give a file with text/],
    [file('blank.jsonl', '\n\n'), UsageError, /blank\.jsonl: is empty/],
    [empty, UsageError, /nothing: holds no text among its 0 files; expected \.txt/],
    [join(folder, 'pictures'), UsageError, /holds no text among its 1 files/],
    [file('binary.txt', Uint8Array.of(0xff, 0xfe)), FormatError, /binary\.txt: not UTF-8 text/],
    [
      file('cut.txt.gz', gzipSync('a longer text that is cut').subarray(0, 20)),
      FormatError,
      /damaged gzip data; fetch/,
    ],
    [file('bad.jsonl', `${lines({ text: 'a' })}{"text":`), FormatError, /bad\.jsonl line 2: is not valid JSON/],
    [
      file('odd.jsonl', lines({ title: 'a', url: 'b' })),
      FormatError,
      /odd\.jsonl line 1: found the fields title, url, expected one of messages.*rename/,
    ],
    [file('number.json', '[3]'), FormatError, /number\.json record 1: found 3, expected one of/],
    [file('role.jsonl', lines({ messages: [{ content: 'x' }] })), FormatError, /expected a role and its content/],
    [file('messages.jsonl', lines({ messages: 'x' })), FormatError, /found "x" in messages, expected a list/],
    [
      file('fake.parquet', 'PAR0 this is no parquet'),
      FormatError,
      /fake\.parquet: cannot be read as Parquet .*\.jsonl/,
    ],
    [file('ints.parquet', new Uint8Array(ints)), FormatError, /ints\.parquet: found the fields id, label, expected/],
  ];
  for (const [path, kind, message] of cases) {
    await assert.rejects(loadCorpus([path]), (error: Error) => {
      assert.ok(error instanceof kind, `${path}: ${error.stack}`);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  }
  assert.throws(
    () =>
      encodeCorpus({ ...{}, chatTemplate: undefined, tokenBytes: () => new Uint8Array() } as unknown as Tokenizer, {
        documents: [{ messages, where: 'chat.jsonl line 1' }],
      }),
    /chat\.jsonl line 1: chat template: the model has none.*give it plain text/,
  );
  const picky = Object.create(await chatty(), {
    chatTemplate: { value: "{{ raise_exception('roles must alternate') }}" },
  });
  assert.throws(
    () => encodeCorpus(picky, { documents: [{ messages, where: 'chat.jsonl line 7' }] }),
    /chat\.jsonl line 7: .*roles must alternate/,
  );
});

test('texts: of very many conversations evenly spaced ones are rendered', async () => {
  const documents = Array.from({ length: 10_000 }, (_, i) => ({
    messages: [{ role: 'user', content: `${i};` }],
    where: '',
  }));
  const said = (await tinyTokenizer()).decode(encodeCorpus(await chatty(), { documents }));
  const numbers = said
    .split(/[^0-9]+/)
    .filter(Boolean)
    .map(Number);
  assert.equal(numbers.length, 4096);
  assert.ok(numbers.every((number, i) => Math.abs(number - (i * 10_000) / 4096) <= 1));
});

test('texts: the beginning of a corpus is so many characters', () => {
  const documents = [{ text: 'abc' }, { messages, where: '' }, { text: 'defg' }, { text: 'h' }];
  assert.deepEqual(firstCharacters({ documents }, 9).documents, [{ text: 'abc' }, documents[1], { text: 'de' }]);
});

test('texts: shared runs are the share of a text that stands in another', () => {
  const tokens = (start: number, length: number): Int32Array => Int32Array.from({ length }, (_, i) => start + i);
  assert.equal(sharedRuns(tokens(0, 1000), tokens(5000, 1000)), 0);
  assert.equal(sharedRuns(tokens(100, 500), tokens(0, 1000)), 1);
  const half = sharedRuns(tokens(500, 1000), tokens(0, 1000));
  assert.ok(half > 0.48 && half < 0.5, String(half));
  assert.equal(sharedRuns(tokens(0, 10), tokens(0, 10)), 0);
  // Two long texts, the first half of one in the other: the runs compared are a sample.
  const long = sharedRuns(tokens(0, 200_000), tokens(100_000, 2_000_000));
  assert.ok(Math.abs(long - 0.5) < 0.02, String(long));
});
