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
import type { Group } from '../src/allocate/types.ts';
import type { CacheState } from '../src/graph/states.ts';
import { cacheBytes, isLlamaCppCache } from '../src/model/cache-formats.ts';
import { cacheGroups, uniformCache } from '../src/pipeline/plan/cache-groups.ts';
import { openRunBench } from './support/run-prices.ts';

/** Context that bytes are told for. */
const CONTEXT = 1024;

const bench = await openRunBench('bench-cache');
const { session, sequences, workspace } = bench;
const { cache: prices = [] } = await session.priceRun(async () => sequences, workspace, { cache: true });
const bytes = (state: CacheState, name: string): number => cacheBytes(state, name, CONTEXT);
const resources = [{ name: 'kv', fixed: 0, cost: () => 0, cacheCost: bytes }];
const groups = cacheGroups(prices, resources);
const forLlamaCpp = cacheGroups(prices, resources, isLlamaCppCache);

async function report(name: string, names: readonly string[]): Promise<void> {
  const chosen = groups.map(({ options }, i) => options.find(({ id }) => id === names[i])!);
  const cache = new Map(groups.map(({ id }, i) => [id, names[i]]));
  const taken = chosen.reduce((sum, { costs }) => sum + costs['kv'], 0);
  await bench.report(`${name}\t${taken} bytes`, chosen, { cache });
}

function namesOf(all: readonly Group[], choice: readonly number[]): string[] {
  return all.map(({ options }, i) => options[choice[i]].id);
}

for (const size of bench.quick ? ['Q8_0', 'Q4_0'] : ['Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0']) {
  const budgets = { kv: prices.reduce((sum, state) => sum + bytes(state, size), 0) };
  const apart = await solve({ groups: forLlamaCpp, budgets, couplings: uniformCache(prices) });
  const mixed = await solve({ groups, budgets });
  const uniform = namesOf(forLlamaCpp, apart.choice);
  await report(`${size} everywhere`, new Array(groups.length).fill(size));
  await report(`keys ${uniform[0]}, values ${uniform.at(-1)}`, uniform);
  await report('every block its own', namesOf(groups, mixed.choice));
}
await bench.close();
