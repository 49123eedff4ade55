import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BitPlan } from '../../src/allocate/types.ts';
import { BitbudgetError } from '../../src/core/errors.ts';
import type { WorkOptions } from '../../src/core/progress.ts';
import { openModel } from '../../src/model/open.node.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import { holdOut } from '../../src/pipeline/texts.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

const EVALUATIONS = 4;
const job = {
  rounding: 'gptq',
  calibration: async () => randomTokens(8, 32, 1),
  evaluation: async () => holdOut(randomTokens(4, 128, 3).ids, 128),
  searchText: async () => randomTokens(2, 128, 3).ids,
  solver: 'tree',
  evaluations: EVALUATIONS,
  threads: 1,
} as const;

async function search(source: string, folder: string, work: WorkOptions = {}): Promise<BitPlan> {
  const {
    plans: [plan],
  } = await solveFor(nodeHost, await openModel(source), { bitsPerWeight: 6.5 }, { ...job, ...work, folder });
  return plan;
}

/** Judgements that a folder's workspace remembers. */
function judgements(folder: string): number {
  const records = globSync('v1/prices-*/*.record', { cwd: folder });
  assert.ok(records.length > 0);
  return records.filter((name) => readFileSync(join(folder, name), 'latin1').startsWith('{"key":"[\\"kl\\"')).length;
}

test('a search by true KL starts from the additive optimum, is never worse, and goes on where it was interrupted', async (context) => {
  const [whole, broken] = [await temporaryFolder(context), await temporaryFolder(context)];
  const source = await smallModelFile(whole);
  const plan = await search(source, whole);
  const { evaluations, kl, startKl } = plan.search!;
  assert.ok(evaluations > 1 && evaluations <= EVALUATIONS, `${evaluations}`);
  assert.ok(kl > 0 && kl <= startKl, `${kl}, ${startKl}`);
  const controller = new AbortController();
  const onProgress = ({ stage, done }: { stage: string; done: number }): void => {
    if (stage === 'searching' && done === 2) controller.abort(new BitbudgetError('interrupted'));
  };
  await assert.rejects(search(source, broken, { signal: controller.signal, onProgress }), /interrupted/);
  const kept = judgements(broken);
  assert.ok(kept >= 2);
  assert.deepEqual(await search(source, broken), plan);
  assert.ok(judgements(broken) > kept && judgements(broken) === judgements(whole));
});

test('quantize writes the plan that was searched and verifies it on other text', async (context) => {
  const folder = await temporaryFolder(context);
  const result = await quantizeModel(nodeHost, await openModel(await smallModelFile(folder)), {
    ...job,
    folder,
    output: join(folder, 'out.gguf'),
    target: { kind: 'budgets', wishes: { bitsPerWeight: 6.5 } },
    evaluation: async () => holdOut(randomTokens(4, 128, 2).ids, 128),
  });
  assert.equal(result.verification!.tried.length, 1);
  assert.ok(result.plan.search!.evaluations <= EVALUATIONS);
  assert.notEqual(result.evaluation!.kl.mean, result.plan.search!.kl);
  assert.ok(result.timings.search > 0);
});
