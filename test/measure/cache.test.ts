import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { scoreModels } from '../../src/evaluate/evaluate.ts';
import { cacheStates } from '../../src/graph/states.ts';
import { priceRunning } from '../../src/measure/running.ts';
import { withCacheFormats } from '../../src/model/cache-formats.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const FORMATS = ['F16', 'Q8_0', 'Q4_0'];
const [SEQUENCES, LENGTH] = [64, 32];

for (const architecture of ['LlamaForCausalLM', 'Qwen3ForCausalLM']) {
  test(`prices of the cache add up to the true KL of ${architecture} within 15 %`, async (t) => {
    const kernels = await testKernels();
    const model = await syntheticModel(architecture, { head_dim: 32, vocab_size: 4096 });
    const random = new Random(3);
    const ids = Int32Array.from({ length: SEQUENCES * LENGTH }, () => random.integer(4096));
    const batch = { sequences: SEQUENCES, length: LENGTH, ids };
    const states = cacheStates(model.graph);
    const sites = states.map(({ name }) => ({ site: name, options: FORMATS }));
    const prices = await priceRunning(kernels, model, batch, { sites, seed: 1 });
    assert.equal(prices.length, 2 * model.config.layers);
    let compared = 0;
    for (const kind of ['k', 'v'] as const)
      for (const name of ['Q8_0', 'Q4_0']) {
        const predicted = prices
          .filter((_, i) => states[i].kind === kind)
          .reduce((sum, priced) => sum + priced.prices.find(({ option }) => option === name)!.loss, 0);
        const changed = withCacheFormats(model, { [kind]: name });
        const { kl } = await scoreModels(kernels, model, changed, ids, { length: LENGTH, firstScored: 0 });
        const truth = kl.reduce((sum, value) => sum + value, 0) / kl.length;
        t.diagnostic(`${kind} ${name}: predicted ${predicted.toExponential(2)}, true ${truth.toExponential(2)}`);
        assert.ok(Math.abs(predicted / truth - 1) < 0.15, `${kind} ${name}: ${predicted} predicted, ${truth} measured`);
        compared++;
      }
    assert.equal(compared, 4);
    for (const { prices: each } of prices) {
      assert.ok(each[0].loss < each[1].loss && each[1].loss < each[2].loss, 'fewer bits cost more');
      assert.ok(each.every(({ loss, lossError }) => lossError > 0 && lossError < 0.5 * loss));
    }
  });
}
