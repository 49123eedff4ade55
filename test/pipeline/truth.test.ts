import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FormatError } from '../../src/core/errors.ts';
import { metrics } from '../../src/measure/metrics/table.ts';
import type { MetricFacts, ScoreTable } from '../../src/measure/metrics/types.ts';
import { openModel } from '../../src/model/open.node.ts';
import { drawPlans, type Palette } from '../../src/pipeline/truth/plans.ts';
import { rankAll } from '../../src/pipeline/truth/rank.ts';
import { storedTruth } from '../../src/pipeline/truth/stored.node.ts';
import { truthFromJson, truthToJson } from '../../src/pipeline/truth/truth.ts';
import { assetPath } from '../../src/text/assets.node.ts';
import { tinyPath } from '../support/synthetic.ts';

const palettes: Palette[] = Array.from({ length: 12 }, (_, i) => ({
  tensor: { name: `blk.${i >> 1}.x${i % 2}`, role: i % 2 === 0 ? 'attn_q' : 'ffn_up', layer: i >> 1 },
  formats: ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0'],
}));

test('plans are different from each other, of every kind, inside their palettes, and the same for a seed', () => {
  const best = (sizes: number) => Array.from({ length: sizes }, (_, i) => palettes.map((_, j) => (i + j) % 6));
  const plans = drawPlans(palettes, 200, 7, best);
  assert.ok(plans.length > 150 && plans.length <= 201, `${plans.length} plans`);
  assert.equal(new Set(plans.map(({ choice }) => choice.join())).size, plans.length);
  assert.equal(new Set(plans.map(({ kind }) => kind)).size, 7);
  for (const { choice } of plans) {
    assert.equal(choice.length, palettes.length);
    assert.ok(choice.every((option) => Number.isInteger(option) && option >= 0 && option < 6));
  }
  assert.deepEqual(drawPlans(palettes, 200, 7, best), plans);
  assert.notDeepEqual(drawPlans(palettes, 200, 8, best), plans);
});

test('the stored truth of the embedded model has at least 200 plans and reads back as written', async () => {
  const text = readFileSync(assetPath('truth/tiny.json'), 'utf8');
  const truth = truthFromJson(text);
  assert.ok(truth.plans.length >= 200, `${truth.plans.length} plans`);
  assert.equal(truth.tensors.length, 8 * 7 + 2);
  assert.ok(truth.plans.every(({ kl, klError }) => kl > 0 && klError > 0));
  assert.equal(truthToJson(truth), text);
  const model = await openModel(tinyPath);
  assert.deepEqual(await storedTruth(model), truth);
  await model.close();
});

test('rejects truth that is no JSON, of another version, without plans, or with a choice outside its palette', () => {
  const text = readFileSync(assetPath('truth/tiny.json'), 'utf8');
  const spoiled: [string, RegExp][] = [
    ['{', /not JSON/],
    [text.replace('"version":1', '"version":2'), /version 2, expected 1/],
    [text.replace('"plans"', '"plan"'), /plans is missing/],
    [text.replace('["uniform","00', '["uniform","0'), /no choice for 58 matrices/],
    [text.replace('["uniform","0', '["uniform","9'), /no choice for 58 matrices/],
    [text.replace('["token_embd.weight",0', '["token_embd.weight",5'), /palette 5/],
  ];
  for (const [json, message] of spoiled)
    assert.throws(
      () => truthFromJson(json),
      (error) => error instanceof FormatError && message.test(error.message),
    );
});

test('ranking puts the metric that tells the truth before one that does not, and tells of one that says nothing', () => {
  const truth = truthFromJson(readFileSync(assetPath('truth/tiny.json'), 'utf8'));
  const scoresBy = (value: (option: number) => number): ScoreTable =>
    new Map(truth.tensors.map((name) => [name, truth.palettes[0].map((_, option) => ({ value: value(option) }))]));
  const [like] = metrics;
  const named = (name: string, nats: boolean) => ({ ...like, name, nats }) as typeof like & MetricFacts;
  const scores = new Map([
    [named('reversed', false), scoresBy((option) => 1 + option)],
    [named('constant', false), scoresBy(() => 1)],
    [named('bits', false), scoresBy((option) => 4 ** -option)],
  ]);
  const { ranked, unranked } = rankAll(scores, truth, 8);
  assert.deepEqual(
    ranked.map(({ name }) => name),
    ['bits', 'reversed'],
  );
  assert.ok(ranked[0].spearman.value > 0.7 && ranked[1].spearman.value < 0);
  assert.match(unranked[0].reason, /the same of every plan/);
});
