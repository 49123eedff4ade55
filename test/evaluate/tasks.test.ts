import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTasks } from '../../src/evaluate/tasks/answer.ts';
import { pairedDifference, scoreTasks, share } from '../../src/evaluate/tasks/compare.ts';
import { readTasks } from '../../src/evaluate/tasks/read.ts';
import type { AnswerTask, ChoiceTask } from '../../src/evaluate/tasks/types.ts';
import { openModel } from '../../src/model/open.node.ts';
import { evaluateTasks } from '../../src/pipeline/evaluate-tasks.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { generate } from '../../src/run/generate.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel, tinyPath } from '../support/synthetic.ts';

const lines = (...items: unknown[]) => items.map((item) => JSON.stringify(item)).join('\n');

test('a file of tasks: choices, answers, own names, blank lines', () => {
  const text = lines(
    { task: 'capitals', prompt: 'The capital of France is', choices: [' Rome', ' Paris'], answer: 1 },
    { prompt: '2 + 2 =', answer: ['4', ' four '] },
  );
  assert.deepEqual(readTasks(`\n${text}\n\n`, 'sets/own.jsonl'), [
    {
      kind: 'choice',
      task: 'capitals',
      choices: [' Rome', ' Paris'].map((choice) => ({ prompt: 'The capital of France is', text: choice })),
      answer: 1,
    },
    { kind: 'answer', task: 'own', prompt: '2 + 2 =', answers: ['4', 'four'] },
  ]);
});

test('samples of lm-evaluation-harness: requests as lists and as objects, targets as numbers and as texts, filters once', () => {
  const older = {
    ...{ doc_id: 0, doc: {}, target: 1, resps: [], filtered_resps: [], acc: 1 },
    arguments: [
      ['Q: sky?', ' green'],
      ['Q: sky?', ' blue'],
    ],
  };
  const newer = {
    ...{ doc_id: 1, doc: {}, target: ' wet' },
    arguments: { gen_args_0: { arg_0: 'Q: rain?', arg_1: ' dry' }, gen_args_1: { arg_0: 'Q: rain?', arg_1: ' wet' } },
  };
  const word = { doc_id: 2, target: ' dog', arguments: [['He walked his', ' dog']] };
  const generated = {
    ...{ doc_id: 3, target: '42' },
    arguments: { gen_args_0: { arg_0: 'Q: 6 x 7?', arg_1: { until: ['\n'], max_gen_toks: 16 } } },
  };
  const tasks = readTasks(
    lines(older, newer, word, generated, generated),
    'out/samples_arc_easy_2026-11-30T10-00.jsonl',
  );
  assert.equal(tasks.length, 4);
  assert.ok(tasks.every(({ task }) => task === 'arc_easy'));
  const [first, second] = tasks as ChoiceTask[];
  assert.deepEqual([first.answer, second.answer], [1, 1]);
  assert.deepEqual(first.choices[1], { prompt: 'Q: sky?', text: ' blue' });
  const [third, fourth] = tasks.slice(2) as AnswerTask[];
  assert.deepEqual(
    [third.prompt, third.answers, fourth.prompt, fourth.answers],
    ['He walked his', ['dog'], 'Q: 6 x 7?', ['42']],
  );
});

test('lines that are no tasks are told by their number', () => {
  const cases: [unknown, RegExp][] = [
    [{ prompt: 'x', choices: ['a'], answer: 0 }, /line 2: "choices" must be a list of two or more/],
    [{ prompt: 'x', choices: ['a', 'b'], answer: 2 }, /line 2: "answer" is 2; expected the number of a choice, from 0/],
    [{ choices: ['a', 'b'], answer: 0 }, /line 2: every choice needs a text and a prompt before it/],
    [{ prompt: 'x', answer: 3 }, /line 2: expected a "prompt" with "choices", or with an "answer"/],
    [{ question: 'x' }, /line 2: "question" is not known; expected task, prompt, choices, answer/],
    [{ arguments: [['c', {}]], target: 'a\nb' }, /line 2: has no choices and no answer of one line/],
    [
      {
        arguments: [
          ['c', ' a'],
          ['c', ' b'],
        ],
        target: 'x',
      },
      /line 2: its target "x" is none of its choices/,
    ],
    [{ arguments: [], target: 'x' }, /line 2: its "arguments" hold no request/],
    [7, /line 2: expected a JSON object/],
  ];
  for (const [item, message] of cases) assert.throws(() => readTasks(`\n${JSON.stringify(item)}`, 'f.jsonl'), message);
  assert.throws(() => readTasks('nonsense', 'f.jsonl'), /f\.jsonl, line 1: is not JSON/);
  assert.throws(() => readTasks('\n', 'f.jsonl'), /f\.jsonl: holds no tasks/);
});

test('intervals are those of Wilson, and of Agresti and Min: their example of 1600 voters', () => {
  const found = share(Array.from({ length: 10 }, (_, i) => i < 8));
  assert.ok(Math.abs(found.low - 0.4902) < 5e-4 && Math.abs(found.high - 0.9433) < 5e-4, JSON.stringify(found));
  // Approval went from 944 to 880 of 1600: 150 changed to no, 86 to yes; Wald's interval is −0.059 to −0.021.
  const { value, low, high } = pairedDifference(1600, 150, 86);
  assert.equal(value, -0.04);
  assert.ok(Math.abs(low + 0.0587) < 5e-4 && Math.abs(high + 0.0212) < 5e-4, `${low} to ${high}`);
  assert.equal(pairedDifference(50, 0, 0).value, 0);
});

test('items are counted by task and measure, and beside the original', () => {
  const choice: ChoiceTask = { kind: 'choice', task: 'a', choices: [], answer: 0 };
  const answer: AnswerTask = { kind: 'answer', task: 'b', prompt: '', answers: [] };
  const result = (right: boolean, rightPerByte?: boolean) => ({ right, rightPerByte, cut: false });
  const scores = scoreTasks(
    [choice, answer, choice],
    [result(true, false), result(true), result(false, false)],
    [result(false, true), result(true), result(true, false)],
  );
  assert.deepEqual(
    scores.map(({ task, measure, items, accuracy, against }) => [
      ...[task, measure, items, accuracy.value],
      ...[against!.accuracy.value, against!.difference.value, against!.lost, against!.gained],
    ]),
    [
      ['a', 'choice', 2, 0.5, 0.5, 0, 1, 1],
      ['a', 'choice per byte', 2, 0, 0.5, -0.5, 1, 0],
      ['b', 'answer', 1, 1, 1, 0, 0, 0],
    ],
  );
});

const PASSAGES = [
  'Once upon a time there was a little',
  'The old man looked out of the window and ',
  '"I do not know," said the girl, "where',
  'When the sun had gone down, they all went',
];
const WORDS = [' girl', ' the', ' home to bed', ' it is', ' dog who lived in a house', '.', ' sea', ' said Alice'];

test('choices: the likeliest by whole sequences run alone, summed and per byte', async () => {
  const kernels = await testKernels();
  const model = await openModel(tinyPath);
  const tasks = PASSAGES.map(
    (prompt, i): ChoiceTask => ({
      kind: 'choice',
      task: 't',
      choices: WORDS.map((text) => ({ prompt, text })),
      answer: i,
    }),
  );
  const session = await createSession(kernels.device, model, { contextLength: 128 });
  const every = tasks.flatMap((task) => WORDS.map((_, answer) => ({ ...task, answer })));
  const found = await answerTasks(session, model.tokenizer, every);
  let right = 0;
  for (const [p, prompt] of PASSAGES.entries()) {
    const scores: { sum: number; perByte: number }[] = [];
    for (const text of WORDS) {
      // Blanks at the end of the prompt are tokenized with the choice.
      const known = model.tokenizer.encode(prompt.trimEnd());
      const ids = model.tokenizer.encode(prompt + text);
      let shared = 0;
      while (shared < known.length && known[shared] === ids[shared]) shared++;
      session.rewind(0);
      const logits = await session.allLogits(ids);
      const vocabulary = logits.length / ids.length;
      let sum = 0;
      for (let t = shared; t < ids.length; t++) {
        const row = logits.subarray((t - 1) * vocabulary, t * vocabulary);
        sum += row[ids[t]] - Math.log(row.reduce((total, value) => total + Math.exp(value), 0));
      }
      scores.push({ sum, perByte: sum / Buffer.byteLength(text) });
    }
    const best = (of: 'sum' | 'perByte') => scores.indexOf(scores.reduce((a, b) => (b[of] > a[of] ? b : a)));
    WORDS.forEach((_, answer) => {
      const result = found[p * WORDS.length + answer];
      assert.equal(result.right, answer === best('sum'), `${prompt}|${WORDS[answer]}`);
      assert.equal(result.rightPerByte, answer === best('perByte'), `${prompt}|${WORDS[answer]} per byte`);
      right += Number(result.right);
    });
  }
  assert.equal(right, PASSAGES.length);
  session.close();
  await model.close();
});

test('answers: what the model writes greedily is right up to the end of a word, anything else is wrong', async () => {
  const kernels = await testKernels();
  const model = await openModel(tinyPath);
  const session = await createSession(kernels.device, model, { contextLength: 128 });
  for (const prompt of PASSAGES.slice(0, 3)) {
    session.rewind(0);
    let text = '';
    const ids = model.tokenizer.encode(prompt);
    for await (const piece of generate(session, model.tokenizer, ids, { temperature: 0, maxTokens: 24 })) text += piece;
    const [first, second] = text.trim().split(/\s+/);
    const word = /[\p{L}\p{N}]+/u.exec(first)?.[0] ?? first;
    const ask = (...answers: string[]): AnswerTask => ({ kind: 'answer', task: 't', prompt, answers });
    session.rewind(0);
    const found = await answerTasks(session, model.tokenizer, [
      ask(`${first} ${second}`.replace(/[^\p{L}\p{N}]+$/u, '')),
      ask('zebra', `${first} ${second}`.replace(/[^\p{L}\p{N}]+$/u, '')),
      ask(`${first} ${second}x`),
      ask(word.slice(0, -1) || 'q'),
      ask('zebra'),
    ]);
    assert.deepEqual(
      found.map(({ right }) => right),
      [true, true, false, false, false],
      text,
    );
  }
  session.close();
  await model.close();
});

test('what is too long loses its beginning and is told; a model against itself loses and gains nothing', async () => {
  const model = await syntheticModel('LlamaForCausalLM', { max_position_embeddings: 16 });
  const prompt = 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen';
  const tasks = readTasks(
    lines({ prompt, choices: [' a', ' b', ' c'], answer: 0 }, { prompt: 'one', answer: 'two' }),
    'x.jsonl',
  );
  const scores = await evaluateTasks(nodeHost, model, tasks, { original: model, threads: 1 });
  assert.deepEqual(
    scores.map(({ measure, cut, against }) => [
      measure,
      cut,
      against!.difference.value,
      against!.lost,
      against!.gained,
    ]),
    [
      ['choice', 1, 0, 0, 0],
      ['choice per byte', 1, 0, 0, 0],
      ['answer', 0, 0, 0, 0],
    ],
  );
});
