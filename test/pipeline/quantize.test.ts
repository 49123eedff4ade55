import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BitbudgetError } from '../../src/core/errors.ts';
import { openModel } from '../../src/model/open.node.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { readPlan, uniformPlan } from '../../src/pipeline/plan/plan-file.ts';
import { type QuantizeResult, quantizeModel } from '../../src/pipeline/quantize.ts';
import type { Target } from '../../src/pipeline/quantize-options.ts';
import { holdOut } from '../../src/pipeline/texts.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

async function run(
  model: string,
  output: string,
  target: Target,
  folder: string,
  palette?: readonly string[],
): Promise<QuantizeResult> {
  return quantizeModel(nodeHost, await openModel(model), {
    output,
    target,
    folder,
    rounding: 'gptq',
    palette,
    calibration: async () => randomTokens(8, 32, 1),
    evaluation: async () => holdOut(randomTokens(8, 32, 2).ids, 32),
    evaluationLength: 32,
    threads: 1,
  });
}

const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

test('a size is met to within 0.5 %, never exceeded; the file is what the plan says and loads again', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  let cases = 0;
  for (const bits of [6.5, 8]) {
    const output = join(folder, `${bits}.gguf`);
    const result = await run(source, output, { kind: 'budgets', wishes: { bitsPerWeight: bits } }, folder);
    const { size } = await stat(output);
    assert.equal(size, result.fileBytes);
    assert.equal(size, result.plan.prediction!.fileBytes);
    assert.ok(
      size <= result.targetBytes! && size >= 0.995 * result.targetBytes!,
      `${size} of ${result.targetBytes} bytes`,
    );
    assert.equal(result.plan.prediction!.status, 'optimal');
    assert.ok(result.evaluation!.kl.mean > 0 && Number.isFinite(result.evaluation!.kl.mean));
    const reopened = await openModel(output);
    for (const [name, format] of Object.entries(result.plan.sites))
      assert.equal(reopened.tensors.get(name)!.format, format);
    await reopened.close();
    cases++;
  }
  assert.equal(cases, 2);
});

test('the same job gives the same bytes; a plan saved and read gives them too', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const target: Target = { kind: 'budgets', wishes: { bitsPerWeight: 7 } };
  const first = await run(source, join(folder, 'a.gguf'), target, join(folder, 'work-a'));
  await run(source, join(folder, 'b.gguf'), target, join(folder, 'work-b'));
  assert.equal(await sha256(join(folder, 'a.gguf')), await sha256(join(folder, 'b.gguf')));
  const plan = readPlan(JSON.stringify(first.plan), 'plan.json');
  await run(source, join(folder, 'c.gguf'), { kind: 'plan', plan }, join(folder, 'work-a'));
  assert.equal(await sha256(join(folder, 'a.gguf')), await sha256(join(folder, 'c.gguf')));
});

test('rounding to the nearest learns importance by one pass over the text, once, and measures nothing else', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const stages: string[] = [];
  const round = async (name: string, type: string, learns: boolean): Promise<QuantizeResult> =>
    await quantizeModel(nodeHost, await openModel(source), {
      output: join(folder, name),
      target: { kind: 'plan', plan: uniformPlan(type, 'nearest') },
      folder: join(folder, 'work'),
      rounding: 'nearest',
      calibration: learns ? async () => randomTokens(8, 32, 1) : undefined,
      threads: 1,
      onProgress: ({ stage }) => stages.push(stage),
    });
  const learned = await round('a.gguf', 'Q4_0', true);
  assert.equal(learned.measurement, undefined);
  assert.deepEqual([learned.text?.sequences, learned.text?.sequenceLength], [8, 32]);
  assert.ok(stages.includes('measuring'));
  const steps = new Set((await readdir(join(folder, 'work', 'v1'))).map((name) => name.split('-')[0]));
  assert.ok(steps.has('importance') && !steps.has('measurement'), [...steps].join());
  await round('plain.gguf', 'Q4_0', false);
  assert.notEqual(await sha256(join(folder, 'a.gguf')), await sha256(join(folder, 'plain.gguf')));
  stages.length = 0;
  await round('b.gguf', 'Q5_0', true);
  assert.ok(!stages.includes('measuring') && stages.includes('quantizing'), stages.join());
});

test('a budget below the smallest file says what can be had, and leaves no output', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const output = join(folder, 'impossible.gguf');
  await assert.rejects(run(source, output, { kind: 'budgets', wishes: { bytes: 1000 } }, folder), (error: Error) => {
    assert.ok(error instanceof BitbudgetError);
    assert.match(error.message, /bytes: the smallest choices take \d+, the budget is 1000 .*ask for \d+ to \d+\)/);
    return true;
  });
  assert.ok(!existsSync(output));
});

test('conversion to F32 keeps every value and measures nothing', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const result = await run(
    source,
    join(folder, 'f32.gguf'),
    { kind: 'plan', plan: uniformPlan('F32', 'gptq') },
    folder,
  );
  assert.equal(result.measurement, undefined);
  const [before, after] = [await openModel(source), await openModel(join(folder, 'f32.gguf'))];
  let compared = 0;
  for (const [name, tensor] of before.tensors) {
    assert.deepEqual(await after.tensors.get(name)!.load(), await tensor.load());
    compared++;
  }
  assert.ok(compared > 15);
  await before.close();
  await after.close();
});

test('a solved plan loses less, measured, than one format everywhere in the same bytes: at most 0.7 of its KL', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  // Formats of one kind, so that what is gained comes of choosing and not of better formats.
  const palette = ['Q4_0', 'Q5_0', 'Q8_0'];
  const uniform = await run(
    source,
    join(folder, 'same.gguf'),
    { kind: 'plan', plan: uniformPlan('Q5_0', 'gptq') },
    folder,
  );
  const target: Target = { kind: 'budgets', wishes: { bytes: uniform.fileBytes } };
  const solved = await run(source, join(folder, 'solved.gguf'), target, folder, palette);
  assert.ok(solved.fileBytes <= uniform.fileBytes, `${solved.fileBytes} bytes, ${uniform.fileBytes} everywhere`);
  const [found, everywhere] = [solved, uniform].map(({ evaluation }) => evaluation!.kl.mean);
  assert.ok(found < 0.7 * everywhere, `KL ${found}, ${everywhere} with Q5_0 everywhere`);
});
