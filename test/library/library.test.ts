import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  BitbudgetError,
  chat,
  evaluate,
  evaluateTasks,
  openModel,
  type ProgressEvent,
  plan,
  quantize,
  readPlan,
  readTasks,
  report,
  run,
  UsageError,
} from '../../src/node.ts';
import { smallModelFile, temporaryFolder } from '../pipeline/support.ts';
import { cli } from '../support/cli.ts';
import { tinyPath } from '../support/synthetic.ts';

const TEXT = { tokens: 1024 };
const QUICK = {
  calibration: TEXT,
  evaluation: TEXT,
  rounding: 'nearest',
  palette: ['Q4_0', 'Q5_0', 'Q8_0'],
  threads: 1,
} as const;
const FLAGS = [
  ...['--calibration-tokens', '1024', '--evaluation-tokens', '1024', '--rounding', 'nearest'],
  ...['--palette', 'Q4_0', 'Q5_0', 'Q8_0', '--threads', '1', '--json', '--quiet'],
];

async function folderOf(context: Parameters<typeof temporaryFolder>[0]) {
  const folder = await temporaryFolder(context);
  return {
    model: await smallModelFile(folder),
    at: (name: string) => join(folder, name),
    workDir: join(folder, 'work'),
  };
}

test('quantize, plan, report and evaluate give what the command line gives: the file byte for byte', async (t) => {
  const { model, at, workDir } = await folderOf(t);
  const bits = ['--target-bpw', '7'];
  const told = await cli([
    'quantize',
    model,
    ...bits,
    ...FLAGS,
    '-o',
    at('cli.gguf'),
    '--no-report',
    '--work-dir',
    at('other'),
  ]);
  assert.equal(told.code, 0, told.stderr);
  const seen: ProgressEvent[] = [];
  const budget = { bitsPerWeight: 7 };
  const made = await quantize(model, {
    ...{ ...QUICK, output: at('library.gguf'), budget, workDir },
    onProgress: (event) => seen.push({ ...event }),
  });
  assert.deepEqual(readFileSync(at('library.gguf')), readFileSync(at('cli.gguf')));
  const stages = new Set(seen.map(({ stage }) => stage));
  for (const stage of ['measuring', 'pricing', 'quantizing', 'verifying', 'writing'])
    assert.ok(stages.has(stage), `${stage} is not among ${[...stages]}`);
  const record = JSON.parse(readFileSync(at('cli.bitbudget.json'), 'utf8'));
  assert.deepEqual(JSON.parse(JSON.stringify(made.record.assignments)), record.assignments);
  assert.deepEqual(JSON.parse(JSON.stringify(made.record.evaluation)), record.evaluation);
  assert.match(report(made.record), /^<!doctype html>/);
  assert.match(report(record, { as: 'markdown' }), /\| Q[458]_0 \|/);

  const judged = await evaluate(at('library.gguf'), { original: model, text: TEXT, threads: 1 });
  assert.deepEqual(judged, made.evaluation);

  const { plans } = await plan(model, { ...QUICK, budget, workDir });
  assert.equal(plans.length, 1);
  assert.deepEqual(plans[0].sites, made.plan.sites);
  const frontier = await plan(model, { ...QUICK, workDir });
  assert.ok(frontier.plans.length > 3, `${frontier.plans.length} plans`);
  const carried = await quantize(model, {
    ...{ ...QUICK, output: at('plan.gguf'), workDir, verify: false },
    plan: readPlan(JSON.stringify(plans[0]), 'plan'),
  });
  assert.deepEqual(carried.plan.sites, made.plan.sites);
});

test('run and chat write what the command line writes, and tell what it took', async () => {
  const prompt = 'Once upon a time';
  const told = await cli(['run', tinyPath, '-p', prompt, '-n', '6', '--temp', '0', '--threads', '1', '--quiet']);
  let text = '';
  for await (const piece of run(tinyPath, prompt, { maxTokens: 6, temperature: 0, threads: 1 })) text += piece;
  assert.equal(`${text}\n`, told.stdout);
  const stream = run(tinyPath, prompt, { maxTokens: 2, threads: 1 });
  let step = await stream.next();
  while (!step.done) step = await stream.next();
  assert.equal(step.value.generatedTokens, 2);
  await assert.rejects(chat(tinyPath, [{ role: 'user', content: 'Hi' }]).next(), {
    name: 'BitbudgetError',
    message: /has none/,
  });
});

test('a model that is given open stays open; one that is named is closed', async (t) => {
  const { model, at, workDir } = await folderOf(t);
  const opened = await openModel(model);
  let closed = 0;
  const watched = { ...opened, close: async () => void closed++ };
  await quantize(watched, { output: at('out.gguf'), format: 'Q8_0', rounding: 'nearest', threads: 1, workDir });
  await evaluate(at('out.gguf'), { original: watched, text: TEXT, threads: 1 });
  for await (const _ of run(watched, 'a', { maxTokens: 1, threads: 1 }));
  const tasks = readTasks('{"task":"letters","prompt":"a","choices":["b","c"],"answer":0}', 'tasks');
  const [score] = await evaluateTasks(watched, tasks, { original: watched, threads: 1 });
  assert.equal(score.against!.lost + score.against!.gained, 0);
  assert.equal(closed, 0);
  await opened.close();
});

test('errors carry a stable code, and aborting ends work with its own reason', async (t) => {
  const { model, at, workDir } = await folderOf(t);
  const output = at('out.gguf');
  await assert.rejects(quantize(model, { output, workDir }), {
    name: 'UsageError',
    code: 'usage',
    message: /exactly one of budget, format and plan/,
  });
  await assert.rejects(quantize(at('absent'), { output, format: 'Q8_0' }), UsageError);
  await assert.rejects(quantize(model, { ...QUICK, output, budget: { bytes: 1000 }, workDir }), { code: 'budget' });
  writeFileSync(at('bad.gguf'), 'GGUFnothing');
  await assert.rejects(openModel(at('bad.gguf')), { code: 'format' });
  await assert.rejects(
    evaluate(model, { original: at('absent') }),
    (error: BitbudgetError) => error instanceof BitbudgetError && error.code === 'usage',
  );
  const controller = new AbortController();
  const reason = new Error('the user left');
  const onProgress = ({ stage }: ProgressEvent) => stage === 'pricing' && controller.abort(reason);
  const request = { ...QUICK, output, budget: { bitsPerWeight: 7 }, workDir, signal: controller.signal };
  await assert.rejects(quantize(model, { ...request, onProgress }), reason);
});
