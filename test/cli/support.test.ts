import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { formatLatency } from '../../src/cli/support/budgets.ts';
import { errorLine, exitCodeOf } from '../../src/cli/support/failure.ts';
import { Job, outlineOf, stepWords } from '../../src/cli/support/job.ts';
import { decimal, wholeNumber } from '../../src/cli/support/options.ts';
import { groupDigits, table } from '../../src/cli/support/output.ts';
import { createProgress, formatDuration } from '../../src/cli/support/progress.ts';
import { formatCount, formatSize, parseCount, parseDuration, parseSize } from '../../src/cli/support/size.ts';
import { closest } from '../../src/cli/support/suggest.ts';
import { solvedLine } from '../../src/cli/support/words.ts';
import { FormatError, UsageError } from '../../src/core/errors.ts';

test('parseSize reads bytes, powers of 1000 and powers of 1024', () => {
  const cases: [string, number][] = [
    ['61234567', 61_234_567],
    ['61234567B', 61_234_567],
    ['60MB', 60_000_000],
    ['60 mb', 60_000_000],
    ['57MiB', 57 * 2 ** 20],
    ['1.5GB', 1_500_000_000],
    ['0.5KiB', 512],
    ['2TB', 2e12],
    [' 7kB ', 7000],
    ['60M', 60_000_000],
    ['1.8G', 1_800_000_000],
    ['512k', 512_000],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
  assert.equal(cases.length, 12);
});

test('parseSize rejects what is no size', () => {
  const cases = ['', 'MB', '60MM', '-5MB', '1e9', '0', '1.5', '1.5B', '60MBit', '99999999TB', 'Infinity', '1,5GB'];
  for (const text of cases) assert.throws(() => parseSize(text), UsageError, text);
  assert.equal(cases.length, 12);
});

test('formatSize keeps three digits', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [61_234_567, '61.2 MB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [9_996_000, '10.0 MB'],
    [4.9e12, '4.90 TB'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text);
  assert.equal(cases.length, 8);
});

test('option parsers accept their range only', () => {
  assert.equal(wholeNumber(1, 4)('4'), 4);
  for (const text of ['0', '5', '1.5', '', 'x', '1e0']) assert.throws(() => wholeNumber(1, 4)(text), /from 1 to 4/);
  assert.equal(decimal(0, 1)('0.25'), 0.25);
  for (const text of ['-0.1', '1.1', '', 'NaN', 'Infinity']) assert.throws(() => decimal(0, 1)(text), /from 0 to 1/);
});

test('table aligns names left and numbers right', () => {
  assert.deepEqual(
    table(
      ['name', 'bytes'],
      [
        ['a', 1],
        ['long name', '23'],
      ],
    ),
    ['name       bytes', 'a              1', 'long name     23'],
  );
  assert.deepEqual(table(['name'], []), ['name']);
  assert.equal(groupDigits(134_515_008), '134 515 008');
});

test('errors become one line and an exit code', () => {
  assert.equal(errorLine(new FormatError('x.gguf: bad\n  magic')), 'bitbudget: x.gguf: bad magic');
  assert.match(errorLine(new TypeError('boom')), /^bitbudget: boom \(unexpected; set BITBUDGET_DEBUG=1/);
  assert.deepEqual([new UsageError('x'), new FormatError('x'), new Error('x')].map(exitCodeOf), [2, 1, 1]);
});

test('without a terminal, progress is one line per finished step and one every 15 s of a long one', async () => {
  let time = 0;
  const stream = new PassThrough();
  const outline = { measuring: 3, writing: 1 };
  const progress = await createProgress({}, { stream, interactive: false, now: () => time }, outline);
  for (let done = 0; done <= 4; done++, time += 10_000)
    progress.report({ stage: 'measuring', done, total: 4, unit: 'blocks' });
  progress.report({ stage: 'writing', done: 1, total: 1 });
  time += 200;
  progress.finish();
  const measuring = 'measuring what the precision of every matrix is worth';
  assert.deepEqual(String(stream.read()).trim().split('\n'), [
    `${measuring}: 37 % of the job, 33 s left`,
    `${measuring}: 75 % of the job, 13 s left`,
    `${measuring}: done in 50 s`,
    'writing the file: done in 0.2 s',
  ]);
});

test('a job has one share and one remaining time: known steps take none, and what comes twice does not turn it back', () => {
  let time = 0;
  const job = new Job({ measuring: 40, pricing: 20, verifying: 40 }, () => time);
  const at = (stage: string, done: number, total: number, seconds: number) => {
    time = 1000 * seconds;
    return job.update({ stage, done, total });
  };
  assert.deepEqual(at('pricing', 0, 10, 0), { words: stepWords('pricing'), share: 0, remaining: undefined });
  assert.ok(Math.abs(at('pricing', 5, 10, 5).share - 10 / 60) < 1e-9);
  assert.equal(Math.round(at('pricing', 5, 10, 5).remaining!), 25_000);
  const half = at('verifying', 1, 4, 10);
  assert.ok(Math.abs(half.share - 30 / 60) < 1e-9);
  assert.equal(at('pricing', 1, 10, 11).share, half.share);
  assert.deepEqual(at('something else', 3, 3, 12), { words: 'something else', share: 0.5, remaining: 12_000 });
  for (let i = 0; i < 5; i++) at('verifying', 1, 4, 13);
  assert.equal(at('verifying', 1, 4, 14).share, half.share, 'a step that comes again counts once');
  assert.equal(at('verifying', 4, 4, 20).share, 1);
});

test('what was told ahead is the time that is left, ever less so as the job shows its own pace', () => {
  let time = 5000;
  const job = new Job({}, () => time);
  const left = (stage: string, done: number, total: number, seconds: number): number => {
    time = 5000 + 1000 * seconds;
    return job.update({ stage, done, total }).remaining! / 1000;
  };
  job.update({ stage: 'checking', done: 1, total: 1 });
  job.expect(outlineOf({ steps: { measure: 40, price: 0, quantize: 10, verify: 40, compare: 10 } }));
  assert.equal(left('measuring', 0, 8, 0), 100, 'before anything is done, what was told');
  assert.ok(Math.abs(left('measuring', 4, 8, 20) - 80) < 1e-9, 'at the pace that was told, the rest of it');
  const slower = left('measuring', 8, 8, 80);
  assert.ok(slower > 60 && slower < 120, `at half the pace between what was told and twice that: ${slower}`);
  assert.ok(left('verifying', 4, 4, 150) > 10);
  assert.equal(left('peers', 3, 3, 160), 0);
});

test('on a terminal, progress is a bar; with --quiet there is none', async () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 120, cursorTo() {}, clearLine() {} });
  const progress = await createProgress({}, { stream, interactive: true });
  progress.report({ stage: 'measuring', done: 1, total: 4, unit: 'blocks', detail: 'blk.3' });
  progress.finish();
  assert.match(String(stream.read()), /25 % .*measuring what the precision of every matrix is worth/);
  const silent = new PassThrough();
  (await createProgress({ quiet: true }, { stream: silent })).report({ stage: 'x', done: 1, total: 1 });
  assert.equal(silent.read(), null);
});

test('a plan that the clock ended says so', () => {
  const prediction = { fileBytes: 1, kl: 0.01, klError: 0, status: 'feasible', bound: 0.0099, gap: 0.0001 } as const;
  assert.equal(
    solvedLine(prediction),
    'plan       good, not proven best: no plan is more than 1.0 % better at the measured prices',
  );
  assert.match(solvedLine({ ...prediction, byClock: true }), /; the clock ended the search, so another run may find /);
});

test('formatDuration', () => {
  assert.deepEqual([0, 400, 12_300, 59_600, 185_000, 7_800_000].map(formatDuration), [
    '0.0 s',
    '0.4 s',
    '12 s',
    '1 min 00 s',
    '3 min 05 s',
    '2 h 10 min',
  ]);
});

test('parseDuration reads milliseconds, and formatLatency keeps three digits', () => {
  assert.deepEqual(['25ms', '0.5s', '800 us', '7µs'].map(parseDuration), [25, 500, 0.8, 0.007]);
  for (const text of ['25', '', 'ms', '-1ms', '0ms', '1min', '1e3ms'])
    assert.throws(() => parseDuration(text), { name: 'UsageError', message: /expected a number with its unit/ });
  assert.deepEqual(
    [formatLatency(12.345, 0.251), formatLatency(0.6789, 0.01), formatLatency(250.4, 3)],
    ['12.3 ± 0.3 ms', '0.679 ± 0.010 ms', '250 ± 3 ms'],
  );
});

test('parseCount and formatCount', () => {
  assert.equal(parseCount('40G'), 40e9);
  assert.equal(parseCount('1.5t'), 1.5e12);
  assert.equal(parseCount('123'), 123);
  for (const text of ['', '0', '-1', '4GB', '1e9', '99999999P'])
    assert.throws(() => parseCount(text), { name: 'UsageError', message: /expected a number such as/ });
  assert.deepEqual([999, 1234, 40e9].map(formatCount), ['999', '1.23 k', '40.0 G']);
});

test('closest finds one slip, whatever the case and separators, and nothing where two names have little in common', () => {
  const types = ['Q4_K', 'Q5_K', 'Q8_0', 'IQ4_XS', 'TQ1_0'];
  const cases: [string, string | undefined][] = [
    ['q4k', 'Q4_K'],
    ['Q4-K', 'Q4_K'],
    ['IQ4XS', 'IQ4_XS'],
    ['Q80', 'Q8_0'],
    ['IQ4_SX', 'IQ4_XS'],
    ['banana', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(closest(text, types), expected, text);
  assert.equal(cases.length, 7);
});
