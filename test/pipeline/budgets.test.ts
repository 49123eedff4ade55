import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BitPlan } from '../../src/allocate/types.ts';
import { openModel } from '../../src/model/open.node.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import type { Wishes } from '../../src/pipeline/plan/wishes.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

test('several budgets at once are kept, cost loss, and contradictions say what can be had', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const plan = async (wishes: Wishes, solver?: string) => {
    const model = await openModel(source);
    const calibration = async () => randomTokens(8, 32, 1);
    const {
      plans: [found],
    } = await solveFor(nodeHost, model, wishes, { folder, rounding: 'gptq', calibration, threads: 1, solver });
    return found.prediction!;
  };
  const free = await plan({ bitsPerWeight: 7 });
  const bops = Math.floor(0.85 * free.costs!['bops']);
  const tight = await plan({ bitsPerWeight: 7, bops });
  assert.equal(tight.status, 'optimal');
  assert.ok(tight.fileBytes <= free.fileBytes * 1.001 && tight.costs!['bops'] <= bops);
  assert.ok(tight.kl > free.kl && tight.bound === tight.kl);
  const alone = await plan({ bops });
  assert.ok(alone.costs!['bops'] <= bops && alone.kl <= tight.kl);
  const same = await plan({ bitsPerWeight: 7 }, 'milp');
  assert.ok(Math.abs(same.kl - free.kl) <= 1e-9 * free.kl);
  await assert.rejects(
    plan({ bytes: free.fileBytes, bops: 1 }),
    /bops: the smallest choices take \d+, the budget is 1 /,
  );
  await assert.rejects(plan({ bytes: 1000, bops }), /bytes: the smallest choices take \d+, the budget is 1000 /);
});

test('matrices that runtimes fuse share a format, for a budget and over all sizes', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const plans = async (wishes: Wishes | undefined, fuse: boolean) => {
    const solved = await solveFor(nodeHost, await openModel(source), wishes, {
      folder,
      rounding: 'gptq',
      calibration: async () => randomTokens(8, 32, 1),
      threads: 1,
      fuse,
    });
    return solved.plans;
  };
  const [free] = await plans({ bitsPerWeight: 7 }, false);
  const [fused] = await plans({ bitsPerWeight: 7 }, true);
  const apart = ({ sites }: BitPlan): number =>
    [0, 1]
      .flatMap((layer) => [
        new Set(['attn_q', 'attn_k', 'attn_v'].map((role) => sites[`blk.${layer}.${role}.weight`])).size - 1,
        new Set(['ffn_gate', 'ffn_up'].map((role) => sites[`blk.${layer}.${role}.weight`])).size - 1,
      ])
      .reduce((sum, others) => sum + others, 0);
  assert.ok(apart(free) > 0);
  assert.equal(apart(fused), 0);
  assert.ok(fused.prediction!.kl > free.prediction!.kl && fused.prediction!.status === 'optimal');
  const frontier = await plans(undefined, true);
  assert.ok(frontier.length > 10);
  for (const plan of frontier) assert.equal(apart(plan), 0);
});
