/**
 * Does the table foretell what a decoded token takes, and are budgets of latency met? Uniform plans, random plans and
 * plans solved for latencies spread over what can be had, each predicted from a table of single products and measured by
 * decoding with it, in turns with the table's rounds, so that both meet the same machine. Weights are random blocks of
 * the plan's formats, which kernels take as long for as for real ones.
 *
 *     npm run bench -- latency [--quick]                the embedded model
 *     node bench/latency.ts [MODEL] [--threads=1] [--context=256] [--rounds=5] [--palette=Q4_0,Q8_0]
 *                           [--calibration=FILE] [--work=DIR] [--quick]
 *
 * Prices of the solved plans are measured once and kept in `--work`. Times per token: `wall` is the median of tokens;
 * `calm` sums each product and what is between by itself, without outliers, which moments that other processes take disturb less, as
 * the table's own times are; `least` is the fastest round of `calm`, beside a prediction by the fastest of every product:
 * what a busy machine disturbs least.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BitPlan, Group } from '../src/allocate/types.ts';
import { Random } from '../src/core/random.ts';
import type { Kernels } from '../src/kernels/contract.ts';
import { openModel } from '../src/model/open.node.ts';
import type { Model } from '../src/model/types.ts';
import { bitsPerWeight, format } from '../src/numeric/table.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { contextOf, type Effort } from '../src/pipeline/latency/decode.ts';
import { measureLatency } from '../src/pipeline/latency/measure.ts';
import { observeTokens } from '../src/pipeline/latency/observe.ts';
import { fixedTime, predictLatency } from '../src/pipeline/latency/predict.ts';
import { productsOf } from '../src/pipeline/latency/products.ts';
import { fittingFormat, syntheticWeights } from '../src/pipeline/latency/synthetic.ts';
import type { Latency, LatencyStore, LatencyTable } from '../src/pipeline/latency/types.ts';
import { Planner } from '../src/pipeline/plan/planner.ts';
import { Session } from '../src/pipeline/session.ts';
import { calibrationTokens } from '../src/pipeline/texts.ts';
import { matrices } from '../src/quantize/sensitivity.ts';
import { assetPath } from '../src/text/assets.node.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    context: { type: 'string' },
    rounds: { type: 'string' },
    calibration: { type: 'string' },
    palette: { type: 'string' },
    work: { type: 'string', default: join('out', 'bench-latency') },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 0;
const path = positionals[0] ?? assetPath('tiny');
const rounds = Number(options.rounds ?? (options.quick ? 2 : 5));
const PLANS = options.quick ? 3 : 10;
const UNIFORM = ['BF16', 'Q8_0', 'Q6_K', 'Q5_1', 'Q5_K', 'Q4_K', 'Q4_0', 'IQ4_NL', 'Q3_K', 'Q2_K'];
const EFFORT: Effort = { tokens: 6, milliseconds: 100 };
/** A prediction counts as right, and a budget as met, within this share. */
const TOLERANCE = 0.1;

interface Truth {
  readonly wall: number;
  readonly calm: number;
}

interface Case {
  readonly name: string;
  readonly plan: BitPlan;
  /** In ms; that of solved plans. */
  readonly budget?: number;
  readonly truths: Truth[];
}

function memoryStore(): LatencyStore {
  let known: LatencyTable | undefined;
  return {
    read: async () => known,
    write: async (table) => {
      known = table;
    },
  };
}

function uniformCases(model: Model): Case[] {
  return UNIFORM.slice(0, PLANS).map((name) => ({
    name,
    plan: plan(matrices(model).map((tensor) => [tensor.name, fittingFormat(name, tensor.shape[1])])),
    truths: [],
  }));
}

/** Every matrix in a random format of all that fit, or of those within three bits. */
function randomCases(groups: readonly Group[]): Case[] {
  const random = new Random(SEED);
  return Array.from({ length: PLANS }, (_, i) => {
    const least = i % 2 === 0 ? 0 : 2 + 4 * random.uniform();
    const formats = groups.map(({ id, options: all }): [string, string] => {
      const bits = (name: string) => bitsPerWeight(format(name));
      const inRange = all.filter((option) => least === 0 || (bits(option.id) >= least && bits(option.id) <= least + 3));
      const allowed = inRange.length > 0 ? inRange : all;
      return [id, allowed[random.integer(allowed.length)].id];
    });
    return { name: `random ${i + 1}`, plan: plan(formats), truths: [] };
  });
}

/** The best plans for latencies from the fastest to what no budget gives. */
async function solvedCases(planner: Planner, table: LatencyTable): Promise<Case[]> {
  const most = (await planner.plan({ latency: Number.MAX_SAFE_INTEGER })).prediction!.costs!['latency'];
  const groups = planner.groups();
  const least = groups.reduce((sum, { options: all }) => sum + Math.min(...all.map(({ costs }) => costs.latency)), 0);
  const fixed = fixedTime(table);
  const cases: Case[] = [];
  for (let i = 0; i < PLANS; i++) {
    // Squared: plans of low latency are closer together, and what people ask for.
    const budget = fixed + least * 1.02 + (most - fixed - least * 1.02) * (i / PLANS) ** 2;
    const solved = await planner.plan({ latency: budget });
    cases.push({ name: `≤ ${budget.toFixed(3)} ms`, plan: solved, budget, truths: [] });
  }
  return cases;
}

function plan(formats: readonly [string, string][]): BitPlan {
  return { version: 2, rounding: 'gptq', sites: Object.fromEntries(formats) };
}

async function decode(kernels: Kernels, model: Model, { sites }: BitPlan, context: number): Promise<Truth> {
  const weights = syntheticWeights(model, ({ name }) => sites[name]);
  const { calls, between, sampling, tokens } = await observeTokens(kernels, weights, { context, effort: EFFORT });
  const calm = calls.reduce((sum, { milliseconds }) => sum + milliseconds, between + sampling);
  return { wall: median(tokens), calm };
}

/** Share of ratios that lie within the tolerance, with their range. */
function told(ratios: readonly number[]): string {
  const within = ratios.filter((ratio) => Math.abs(ratio - 1) <= TOLERANCE).length;
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `${within} of ${ratios.length} within 10 %, median ${median(ratios).toFixed(3)} (${least.toFixed(3)} to ${most.toFixed(3)})`;
}

const model = await openModel(path);
const context = contextOf(model, options.context === undefined ? undefined : Number(options.context));
const threads = Number(options.threads);
const palette = options.palette?.split(',');
const session = await Session.open(nodeHost, model, { folder: options.work, seed: SEED, threads });
const { kernels } = session;
const measurement = await session.measure(
  await calibrationTokens(
    nodeHost,
    model,
    {
      files: options.calibration === undefined ? undefined : [options.calibration],
      tokens: options.quick ? 4096 : 16384,
    },
    SEED,
  ),
);
const workspace = await session.workspace(measurement);
const prices = await session.price(measurement, workspace, 'gptq', palette);
const formats = [...new Set([...UNIFORM, ...prices.tensors.flatMap((of) => of.prices.map((price) => price.format))])];
console.log(`${machine()}, ${kernels.name}, ${threads} thread(s), context ${context}, seed ${SEED}, ${rounds} rounds`);

const first = await measureLatency(kernels, model, { formats, context, rounds });
const planner = new Planner({ model, table: prices, latency: first, context });
const cases = [...uniformCases(model), ...randomCases(planner.groups()), ...(await solvedCases(planner, first))];
const store = memoryStore();
let again = first;
for (let round = 1; round <= rounds; round++) {
  again = await measureLatency(kernels, model, { formats, context, rounds: round, store });
  for (const each of round % 2 === 0 ? cases.toReversed() : cases)
    each.truths.push(await decode(kernels, model, each.plan, context));
}

type Kind = 'wall' | 'calm' | 'least';
const kinds: readonly Kind[] = ['wall', 'calm', 'least'];

function measured({ truths }: Case, kind: Kind): number {
  if (kind === 'least') return Math.min(...truths.map(({ calm }) => calm));
  return median(truths.map((truth) => truth[kind]));
}

function predicted({ plan: { sites: chosen } }: Case, table: LatencyTable, kind?: Kind): Latency {
  const of = kind === 'least' ? fastest(table) : table;
  return predictLatency(
    of,
    productsOf(model, (name) => chosen[name]),
  );
}

/** The table of the least time of every product in any round. */
function fastest(table: LatencyTable): LatencyTable {
  const fixed = Math.min(...Object.values(table.rounds).flatMap((visits) => visits.map((visit) => visit.fixed)));
  const entries = Object.entries(table.rounds).map(([name, visits]) => {
    const shapes = Object.keys(visits[0].products);
    const least = (shape: string) => Math.min(...visits.map(({ products }) => products[shape]));
    return [name, [{ fixed, products: Object.fromEntries(shapes.map((shape) => [shape, least(shape)])) }]];
  });
  return { ...table, rounds: Object.fromEntries(entries) };
}

console.table(
  cases.map((each) => {
    const { milliseconds, spread } = predicted(each, again);
    return {
      plan: each.name,
      'predicted ms': `${milliseconds.toFixed(3)} ± ${spread.toFixed(3)}`,
      'least predicted': predicted(each, again, 'least').milliseconds.toFixed(3),
      ...Object.fromEntries(kinds.map((kind) => [`${kind} ms`, measured(each, kind).toFixed(3)])),
    };
  }),
);
const solved = cases.filter(({ budget }) => budget !== undefined);
for (const kind of kinds) {
  const ratios = cases.map((each) => measured(each, kind) / predicted(each, again, kind).milliseconds);
  console.log(`${kind} ÷ predicted, table measured in turns: ${told(ratios)}`);
  const kept = solved.map((each) => measured(each, kind) / each.budget!);
  const met = kept.filter((ratio) => ratio <= 1 + TOLERANCE).length;
  console.log(`${kind} ÷ budget, table measured before: ${met} of ${kept.length} met within 10 %; ${told(kept)}`);
}
const drift = cases.map((each) => predicted(each, again).milliseconds / predicted(each, first).milliseconds);
console.log(`table measured in turns ÷ table measured before: ${told(drift)}`);
workspace.close();
await session.close();
