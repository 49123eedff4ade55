/**
 * What planning the KV cache is worth: at the bytes that one format for all keys and values takes, the best formats of all
 * keys and of all values that llama.cpp takes, and the best of every block. Weights stay as they are. Predicted and true KL
 * on held-out text.
 *
 *     npm run bench -- cache [--quick]
 *     node bench/cache.ts [MODEL] [--calibration=FILE] [--evaluation=FILE] [--work=DIR] [--quick]
 *
 * `--quick`: two sizes and fewer tokens. Work in `--work` is kept, so prices are estimated once.
 */
import { solve } from '../src/allocate/solve.ts';
import type { Coupling, Group } from '../src/allocate/types.ts';
import { cacheBytes } from '../src/model/cache-formats.ts';
import { type Site, sitesOf } from '../src/model/sites.ts';
import { usable } from '../src/pipeline/plan/couplings.ts';
import { siteGroups } from '../src/pipeline/plan/groups.ts';
import { costOf, type Resource } from '../src/pipeline/resources/types.ts';
import { openRunBench } from './support/run-prices.ts';

/** Context that bytes are told for. */
const CONTEXT = 1024;

const bench = await openRunBench('bench-cache');
const { session, sequences, workspace } = bench;
const prices = await session.priceRunning(async () => sequences, workspace, { states: true });
const sites = sitesOf(bench.model);
const states = sites.filter(({ kind }) => kind === 'state');
const bytes = ({ columns }: Pick<Site, 'columns'>, name: string): number => cacheBytes(columns, name, CONTEXT);
const resources: Resource[] = [{ name: 'kv', fixed: 0, cost: costOf({ state: bytes }) }];
const groupsOf = (kvUniform: boolean): Group[] =>
  siteGroups(sites, usable(sites, prices, { kvUniform }), resources).map(({ group }) => group);
const [groups, forLlamaCpp] = [groupsOf(false), groupsOf(true)];
const couplings = ['k', 'v'].map((pool): Coupling => {
  return { kind: 'agree', groups: states.filter((site) => site.pool === pool).map(({ id }) => id) };
});

async function report(name: string, names: readonly string[]): Promise<void> {
  const chosen = groups.map(({ options }, i) => options.find(({ id }) => id === names[i])!);
  const roundings = new Map(groups.map(({ id }, i) => [id, names[i]]));
  const taken = chosen.reduce((sum, { costs }) => sum + costs['kv'], 0);
  await bench.report(`${name}\t${taken} bytes`, chosen, { roundings });
}

function namesOf(all: readonly Group[], choice: readonly number[]): string[] {
  return all.map(({ options }, i) => options[choice[i]].id);
}

for (const size of bench.quick ? ['Q8_0', 'Q4_0'] : ['Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0']) {
  const budgets = { kv: states.reduce((sum, state) => sum + bytes(state, size), 0) };
  const apart = await solve({ groups: forLlamaCpp, budgets, couplings });
  const mixed = await solve({ groups, budgets });
  const uniform = namesOf(forLlamaCpp, apart.choice);
  await report(`${size} everywhere`, new Array(groups.length).fill(size));
  await report(`keys ${uniform[0]}, values ${uniform.at(-1)}`, uniform);
  await report('every block its own', namesOf(groups, mixed.choice));
}
await bench.close();
