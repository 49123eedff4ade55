/**
 * Experts left out at run time against KL: by token (MC-MoE) and learned (MC#), at several budgets. Rules are made on the
 * calibration text; KL, and the share that is really left out, are those of held-out text.
 * Then the same model with experts that hold so many slots of a batch: dropped, rerouted (intra-GPU rectification), and places
 * that are left filled.
 *
 *     npm run bench -- pruning
 *     node bench/pruning.ts [MODEL] [--budgets=0.8,0.6] [--tokens=4096] [--evaluation=8192] [--capacities=1,1.25]
 *
 * `--quick`: fewer tokens and budgets.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { evaluateModels, referenceStates } from '../src/evaluate/evaluate.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { tokenRules } from '../src/measure/expert-budget.ts';
import { learnedRules } from '../src/measure/expert-learning.ts';
import { countTokens } from '../src/measure/reach.ts';
import { type ExpertRule, routersOf, withExpertCapacity, withExpertRules } from '../src/model/expert-rules.ts';
import { openModel } from '../src/model/open.node.ts';
import type { Model } from '../src/model/types.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { calibrationTokens, evaluationTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    budgets: { type: 'string' },
    tokens: { type: 'string' },
    evaluation: { type: 'string' },
    capacities: { type: 'string', default: '1,1.25' },
    quick: { type: 'boolean', default: false },
  },
});
const [path = fileURLToPath(new URL('../../shared/models/tiny-moe', import.meta.url))] = positionals;
const budgets = (options.budgets ?? (options.quick ? '0.75' : '0.8,0.6')).split(',').map(Number);
const SEED = 0;

const model = await openModel(path);
const kernels = await createWasmKernels({ threads: nodeHost.threads });
const count = (text: string | undefined, otherwise: number): number =>
  Number(text ?? (options.quick ? 2048 : otherwise));
const calibration = await calibrationTokens(nodeHost, model, { tokens: count(options.tokens, 4096) }, SEED);
const heldOut = await evaluationTokens(nodeHost, model, { tokens: count(options.evaluation, 8192) });
const length = sequenceLength(model);
const reference = await referenceStates(kernels, model, heldOut, { length });
const windows = Math.floor(heldOut.length / length);
const judged = { sequences: windows, length, ids: heldOut.subarray(0, windows * length) };

/** Share of the experts that tokens of held-out text keep. */
async function keptShare(pruned: Model): Promise<number> {
  const blocks = await countTokens(kernels, pruned, judged);
  const kept = blocks.flatMap(({ tokens }) => tokens.flat()).reduce((sum, each) => sum + each, 0);
  return kept / routersOf(model.graph).reduce((sum, { used }) => sum + used * judged.ids.length, 0);
}

const ways: Readonly<Record<string, (share: number) => Promise<ExpertRule[]>>> = {
  token: (share) => tokenRules(kernels, model, calibration, share),
  learned: (share) => learnedRules(kernels, model, calibration, share, { seed: SEED }),
};

console.log(`${machine()}; ${path}, rules from ${calibration.ids.length} tokens, judged on ${judged.ids.length}`);
const rows: Record<string, string | number>[] = [];
for (const budget of budgets)
  for (const [way, make] of Object.entries(ways)) {
    const begin = performance.now();
    const rules = await make(budget);
    const seconds = (performance.now() - begin) / 1000;
    const pruned = withExpertRules(model, rules);
    const { kl, topAgreement } = await evaluateModels(kernels, model, pruned, heldOut, {
      length,
      referenceStates: reference,
    });
    rows.push({
      budget,
      rule: way,
      'skipped %': (100 * (1 - (await keptShare(pruned)))).toFixed(1),
      KL: `${kl.mean.toFixed(5)} ± ${kl.standardError.toFixed(5)}`,
      'same top token %': (100 * topAgreement!.mean).toFixed(1),
      'rules, s': seconds.toFixed(1),
    });
  }
console.table(rows);

const limited: Record<string, string | number>[] = [];
for (const factor of options.capacities.split(',').map(Number))
  for (const [way, rule] of Object.entries({
    dropped: { reroute: false, fill: false },
    rerouted: { reroute: true, fill: false },
    'rerouted and filled': { reroute: true, fill: true },
  })) {
    const held = withExpertCapacity(model, { factor, ...rule });
    const { kl, perplexity } = await evaluateModels(kernels, model, held, heldOut, {
      length,
      referenceStates: reference,
    });
    limited.push({
      capacity: factor,
      slots: way,
      'of the router’s, %': (100 * (await keptShare(held))).toFixed(1),
      KL: `${kl.mean.toFixed(5)} ± ${kl.standardError.toFixed(5)}`,
      perplexity: perplexity!.mean.toFixed(3),
    });
  }
console.table(limited);
kernels.close();
await model.close();
