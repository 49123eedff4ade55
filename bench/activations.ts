/**
 * What planning the bits of activations is worth: at the mean bits that one width for the inputs of all matrices takes, the
 * best widths of every matrix, weighed by multiply-adds. Weights stay as they are. Predicted and true KL on held-out text.
 *
 *     npm run bench -- activations [--quick]
 *     node bench/activations.ts [MODEL] [--calibration=FILE] [--evaluation=FILE] [--work=DIR] [--quick]
 *
 * `--quick`: fewer tokens. Work in `--work` is kept, so prices are estimated once.
 */
import { solve } from '../src/allocate/solve.ts';
import type { Group } from '../src/allocate/types.ts';
import type { OptionPrice } from '../src/measure/site-prices.ts';
import { bitsOf } from '../src/model/edge-options.ts';
import { sitesOf } from '../src/model/sites.ts';
import { openRunBench } from './support/run-prices.ts';

const BITS = [10, 9, 8, 7, 6, 5, 4, 3];
/** Widths that are compared. */
const SIZES = [8, 6, 5, 4];

const bench = await openRunBench('bench-activations');
const { model, session, sequences, workspace } = bench;
const edges = new Map(sitesOf(model).map((site) => [site.id, site]));
const prices = await session.priceRunning(async () => sequences, workspace, { states: false, edges: BITS });
const groups: Group[] = prices.map(({ site, prices: widths }) => {
  const [rows, columns] = model.tensors.get(edges.get(site)!.weight!)!.shape;
  const optionOf = ({ option, loss, lossError }: OptionPrice) => ({
    id: option,
    costs: { work: bitsOf(option, site) * rows * columns },
    loss,
    lossError,
  });
  return { id: site, options: widths.map(optionOf) };
});

async function report(name: string, choice: readonly number[]): Promise<void> {
  const chosen = groups.map((group, i) => group.options[choice[i]]);
  await bench.report(name, chosen, { roundings: new Map(groups.map(({ id }, i) => [id, chosen[i].id])) });
}

for (const bits of SIZES) {
  const uniform = groups.map(() => BITS.indexOf(bits));
  const work = groups.reduce((sum, { options }, i) => sum + options[uniform[i]].costs['work'], 0);
  const { choice } = await solve({ groups, budgets: { work } });
  await report(`${bits} bits everywhere`, uniform);
  await report(`${bits} bits on average`, choice);
}
await bench.close();
