import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { UsageError } from '../../src/core/errors.ts';
import { openModel } from '../../src/model/open.node.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { type FamilyPoint, jointFrontier } from '../../src/pipeline/family/family.ts';
import { type FamilyOptions, planFamily } from '../../src/pipeline/family/plan-family.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { uniformPlan } from '../../src/pipeline/plan/plan-file.ts';
import { quantizationRatio } from '../../src/pipeline/plan/ratio.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { temporaryFolder } from './support.ts';

test('the joint frontier holds every point that loses less than all smaller ones, and no other', () => {
  const point = (model: string, fileBytes: number, loss: number): FamilyPoint => {
    return { model, fileBytes, loss, bitsPerWeight: 4, quantizationRatio: 1, lossError: 0 };
  };
  const points = [
    point('small', 10, 3),
    point('small', 20, 2),
    point('small', 30, 1.9),
    point('large', 25, 1.95),
    point('large', 30, 1.5),
    point('large', 40, 1.5),
    point('large', 50, 1),
  ];
  const frontier = jointFrontier(points);
  assert.deepEqual(
    frontier.map(({ model, fileBytes }) => `${model} ${fileBytes}`),
    ['small 10', 'small 20', 'large 25', 'large 30', 'large 50'],
  );
});

test('the quantization ratio counts weights below 5 bits, vectors as high precision', async () => {
  const model = await syntheticModel('LlamaForCausalLM');
  const ratio = (name: string): number => quantizationRatio(model, uniformPlan(name, 'gptq'));
  assert.equal(ratio('Q8_0'), 0);
  assert.ok(ratio('Q4_0') > 0.99 && ratio('Q4_0') < 1);
});

test('two models of one family: best plans of both at every size, predictions beside measured losses', async (context) => {
  const folder = await temporaryFolder(context);
  const open = async (name: string, layers: number) => {
    const path = join(folder, `${name}.gguf`);
    const model = await syntheticModel('LlamaForCausalLM', { num_hidden_layers: layers });
    await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F32' });
    return { name, model: await openModel(path) };
  };
  const options: FamilyOptions = {
    folder,
    rounding: 'nearest',
    palette: ['Q4_0', 'Q5_0', 'Q8_0'],
    calibration: { tokens: 1024 },
    evaluation: { tokens: 512 },
    measured: 1,
    targetBytes: 2_000_000,
    threads: 1,
  };
  const { members, frontier, best } = await planFamily(nodeHost, [await open('one', 1), await open('two', 2)], options);
  assert.deepEqual(
    members.map(({ model }) => model),
    ['one', 'two'],
  );
  assert.ok(frontier.length > 10 && frontier.length < members.reduce((sum, { frontier: own }) => sum + own.length, 0));
  assert.ok(best !== undefined && best.fileBytes <= 2_000_000 && best.kl! > 0);
  for (const { atTarget } of members) assert.ok(atTarget === undefined || atTarget.loss >= best.loss);
  assert.ok(frontier.every(({ loss }, i) => i === 0 || loss < frontier[i - 1].loss));
  let checked = 0;
  for (const { loss, measured, bytesPerToken } of members) {
    // Nothing learned: about log2(4096) bits per token.
    assert.ok(Math.abs(loss.mean * bytesPerToken - 12) < 2, `${loss.mean} bits per byte`);
    for (const point of measured) {
      const limit = 5 * Math.hypot(point.differenceError, point.lossError);
      assert.ok(Math.abs(point.measured - point.loss) <= limit, `${point.measured}, predicted ${point.loss}`);
      checked++;
    }
  }
  assert.equal(checked, 2);
  const twice = [await open('one', 1), await open('one', 1)];
  await assert.rejects(
    planFamily(nodeHost, twice, options),
    (error) => error instanceof UsageError && /named twice/.test(error.message),
  );
  for (const { model } of twice) await model.close();
});
