import assert from 'node:assert/strict';
import { test } from 'node:test';
import { solveMany } from '../../src/allocate/solve.ts';
import type { BitPlan } from '../../src/allocate/types.ts';
import { Random } from '../../src/core/random.ts';
import type { Evaluation } from '../../src/evaluate/types.ts';
import { openModel } from '../../src/model/open.node.ts';
import { bitsPerWeight, format } from '../../src/numeric/table.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import {
  type Corrections,
  coarseness,
  correctionFactor,
  learnCorrections,
  NO_CORRECTION,
  type Probe,
} from '../../src/pipeline/plan/corrections.ts';
import { pricedWeights } from '../../src/pipeline/plan/groups.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import { holdOut } from '../../src/pipeline/texts.ts';
import { probePlans } from '../../src/pipeline/verify/probes.ts';
import { verify } from '../../src/pipeline/verify/verify.ts';
import type { PricedTensor, SensitivityTable } from '../../src/quantize/sensitivity.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

const FORMATS = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0'];
/** Roles and kinds: two roles of a kind have choices of their own. */
const ROLES = [
  ['token_embd', 'embedding'],
  ['attn_q', 'attention'],
  ['attn_v', 'attention'],
  ['ffn_up', 'feedForward'],
  ['ffn_down', 'feedForward'],
  ['output', 'head'],
] as const;

/** What the planted truth multiplies predictions with: another text, and a second order that fails at few bits. */
const PLANTED: Corrections = {
  kinds: {
    embedding: { level: 1.3, coarse: 1 },
    head: { level: 1.2, coarse: 0 },
    attention: { level: 1.4, coarse: 0.1 },
    feedForward: { level: 1.25, coarse: 0.05 },
  },
  spread: 0,
  learned: true,
};

function plantedTable(): SensitivityTable {
  const random = new Random(11);
  const tensors = Array.from({ length: 24 }, (_, i): PricedTensor => {
    const [role, kind] = ROLES[i % ROLES.length];
    const size = 10 ** (random.uniform() - 3);
    const prices = FORMATS.map((name) => ({
      format: name,
      loss: size * 4 ** -(bitsPerWeight(format(name)) - 2),
      samplingError: 0,
    }));
    return { tensor: `${role} ${i}`, role, kind, layer: i, rows: 256, columns: 256, relativeError: 0.02, prices };
  });
  return { version: 1, model: 'planted', rounding: 'gptq', scale: { value: 1, standardError: 0 }, tensors };
}

const table = plantedTable();

function losses(formats: Readonly<Record<string, string>>, corrections: Corrections): number {
  return pricedWeights(table, corrections).reduce(
    (sum, { site, prices }) => sum + (prices.find(({ option }) => option === formats[site])?.loss ?? 0),
    0,
  );
}

function probeOf(formats: Readonly<Record<string, string>>, noise = 1): Probe {
  const matrices = table.tensors.flatMap(({ tensor, kind, prices }) => {
    const loss = prices.find((price) => price.format === formats[tensor])?.loss;
    return loss === undefined ? [] : [{ kind, format: formats[tensor], loss }];
  });
  const mean = noise * losses(formats, PLANTED);
  return { matrices, kl: { mean, standardError: 0.01 * mean } };
}

function randomFormats(random: Random): Record<string, string> {
  const byRole = new Map(ROLES.map(([role]) => [role as string, FORMATS[random.integer(FORMATS.length)]]));
  return Object.fromEntries(table.tensors.map(({ tensor, role }) => [tensor, byRole.get(role)!]));
}

test('from eight probes with 2 % of noise, 200 other plans are predicted to 10 %, none of which the prices alone are', () => {
  const random = new Random(3);
  const probes = Array.from({ length: 8 }, () => probeOf(randomFormats(random), 1 + 0.02 * random.normal()));
  const learned = learnCorrections(probes);
  let [close, closeBefore] = [0, 0];
  for (let i = 0; i < 200; i++) {
    const formats = randomFormats(random);
    const truth = losses(formats, PLANTED);
    if (Math.abs(losses(formats, learned) / truth - 1) <= 0.1) close++;
    if (Math.abs(losses(formats, NO_CORRECTION) / truth - 1) <= 0.1) closeBefore++;
  }
  assert.ok(close >= 190, `${close} of 200`);
  assert.equal(closeBefore, 0);
  assert.ok(learned.spread > 0.02 && learned.spread < 0.1, `${learned.spread}`);
});

test('one probe gives one factor for all kinds; none, and a KL of nothing, give none', () => {
  const formats = Object.fromEntries(table.tensors.map(({ tensor }) => [tensor, 'Q8_0']));
  const probe = probeOf(formats);
  const { kinds } = learnCorrections([probe]);
  const factor = probe.kl.mean / losses(formats, NO_CORRECTION);
  for (const { level } of Object.values(kinds)) assert.ok(Math.abs(level / factor - 1) < 0.05, `${level}, ${factor}`);
  assert.deepEqual(learnCorrections([]), NO_CORRECTION);
  assert.deepEqual(learnCorrections([{ ...probe, kl: { mean: 0, standardError: 0 } }]), NO_CORRECTION);
});

test('factors stay positive where probes contradict each other, at every format', () => {
  const formats = (name: string) => Object.fromEntries(table.tensors.map(({ tensor }) => [tensor, name]));
  const learned = learnCorrections([probeOf(formats('Q2_K'), 0.01), probeOf(formats('Q8_0'), 10)]);
  let checked = 0;
  for (const [role, kind] of ROLES)
    for (const name of FORMATS) {
      assert.ok(correctionFactor(learned, kind, name) > 0, `${role} ${name}`);
      checked++;
    }
  assert.equal(checked, 36);
  assert.equal(coarseness('Q2_K'), 1);
  assert.equal(coarseness('IQ1_S'), 1);
});

test('verification learns from parts of the solved plan, and its corrected plan is better and predicted to 10 %', async () => {
  const budget = 3 * table.tensors.length;
  const predict = (sites: BitPlan['sites'], corrections: Corrections): BitPlan => ({
    version: 2,
    model: 'planted',
    rounding: 'gptq',
    sites,
    prediction: {
      fileBytes: 0,
      kl: losses(sites, corrections),
      klError: 0,
      status: 'optimal',
      bound: 0,
      gap: 0,
    },
  });
  const probed: number[] = [];
  const { best, tried } = await verify(table, {
    solve: async (corrections) => {
      const groups = pricedWeights(table, corrections).map(({ site, prices }) => ({
        id: site,
        options: prices.map(({ option, loss }) => ({
          ...{ id: option, loss },
          costs: { bytes: bitsPerWeight(format(option)) },
        })),
      }));
      const [{ choice }] = solveMany(groups, 'bytes', [budget]);
      return predict(Object.fromEntries(groups.map(({ id, options }, i) => [id, options[choice[i]].id])), corrections);
    },
    predict: ({ sites }, corrections) => predict(sites, corrections),
    measure: async ({ sites }) => ({ kl: { mean: losses(sites, PLANTED), standardError: 0 } }) as Evaluation,
    probe: async ({ sites }, only) => {
      const part = Object.fromEntries(Object.entries(sites).filter(([name]) => only({ name })));
      probed.push(Object.keys(part).length);
      const mean = losses(part, PLANTED);
      return { kl: { mean, standardError: 0.01 * mean } };
    },
  });
  assert.equal(tried.length, 2);
  assert.equal(best, tried[1]);
  assert.ok(tried[1].evaluation.kl.mean < tried[0].evaluation.kl.mean);
  for (const { plan, evaluation } of tried)
    assert.ok(Math.abs(plan.prediction!.kl / evaluation.kl.mean - 1) < 0.1, `${plan.prediction!.kl}`);
  assert.equal(probed[0], table.tensors.length);
  assert.ok(probed.length >= 5 && probed.length <= 9, `${probed.length} probes`);
});

test('probes: eight plans of two formats a matrix, each kind coarse in four, all pairs of kinds and of levels in two', () => {
  const matrices = table.tensors.map(({ tensor, kind }) => ({ name: tensor, kind, formats: FORMATS }));
  const plans = probePlans(matrices);
  assert.equal(plans.length, 8);
  for (const { name } of matrices)
    assert.deepEqual(new Set(plans.map((plan) => plan[name])), new Set(['Q2_K', 'Q4_K']));
  const byKind = [...Map.groupBy(matrices, ({ kind }) => kind).values()];
  const isFine = byKind.map((members) => plans.map((plan) => plan[members[0].name] === 'Q4_K'));
  let pairs = 0;
  for (const [i, a] of isFine.entries()) {
    for (const plan of plans) assert.equal(new Set(byKind[i].map(({ name }) => plan[name])).size, 1);
    for (const b of isFine.slice(0, i)) {
      const counts = Map.groupBy(a, (fine, run) => `${fine} ${b[run]}`);
      assert.deepEqual(
        [...counts.values()].map(({ length }) => length),
        [2, 2, 2, 2],
      );
      pairs++;
    }
  }
  assert.equal(pairs, 6);
});

test('plan with probes: predictions are corrected, told with the error that is left, and the probes are remembered', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  let asked = 0;
  const solved = async (probe: boolean) => {
    const { plans } = await solveFor(
      nodeHost,
      await openModel(source),
      { bitsPerWeight: 7 },
      {
        folder,
        rounding: 'gptq',
        palette: ['Q4_0', 'Q5_0', 'Q8_0'],
        calibration: async () => randomTokens(8, 32, 1),
        evaluation: async () => holdOut(randomTokens(4, 128, 2).ids, 128),
        probe,
        threads: 1,
        onProgress: ({ stage }) => {
          if (stage === 'probing') asked++;
        },
      },
    );
    return plans;
  };
  const [[priced], [probed]] = [await solved(false), await solved(true)];
  assert.ok(asked > 0);
  assert.notEqual(probed.prediction!.kl, priced.prediction!.kl);
  assert.ok(probed.prediction!.klError > 0);
  assert.ok(!priced.prediction!.corrected && probed.prediction!.corrected);
  asked = 0;
  assert.deepEqual(await solved(true), [probed]);
  assert.equal(asked, 0);
  assert.deepEqual(await solved(false), [probed], 'what was learned once corrects every later plan');
});

test('held-out text: stretches of 1024 tokens take turns, and no window is judged and probed', () => {
  const tokens = Int32Array.from({ length: 9 * 512 + 3 }, (_, i) => i);
  const starts = (part: Int32Array) => [...part].filter((_, i) => i % 512 === 0).map((token) => token / 512);
  const { judged, probed, searched } = holdOut(tokens, 512);
  assert.deepEqual(starts(judged), [0, 1, 4, 5, 8]);
  assert.deepEqual(starts(searched), [2, 3, 6, 7]);
  assert.deepEqual(starts(probed), [2, 6]);
});

test('held-out text: as many windows are judged as asked for, the first where they are few, and all of a short text', () => {
  const tokens = Int32Array.from({ length: 10 * 256 }, (_, i) => i);
  const starts = (part: Int32Array) => [...part].filter((_, i) => i % 256 === 0).map((token) => token / 256);
  assert.deepEqual(starts(holdOut(tokens, 256, 2).judged), [0, 1]);
  const most = holdOut(tokens, 256, 8);
  assert.deepEqual(starts(most.judged), [0, 1, 2, 3, 6, 7, 8, 9]);
  assert.deepEqual(starts(most.searched), [4, 5]);
  const all = holdOut(tokens, 256, 12);
  assert.deepEqual(all.judged, tokens);
  assert.deepEqual(all.probed, all.judged);
  const short = holdOut(tokens.subarray(0, 300), 256);
  assert.deepEqual(short.probed, short.judged);
});
