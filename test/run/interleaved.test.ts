import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluateModels } from '../../src/evaluate/evaluate.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { Model } from '../../src/model/types.ts';
import { createSession } from '../../src/run/session.ts';
import { configs } from '../support/configs.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { WorkerDevice } from '../support/worker-device.ts';

const ids = (length: number, step: number): Int32Array => Int32Array.from({ length }, (_, i) => (i * step + 5) % 4096);

/** What is done with a model, noting every time that it goes on. */
type Work = (kernels: Kernels, turn: () => void) => Promise<unknown>;

/** Reads prompts and writes, goes back, and reads on: programs for one token, for chunks, and for what is left of them. */
function decoding(model: Model, step: number): Work {
  return async (kernels, turn) => {
    const session = await createSession(kernels.device, model, { contextLength: 160 });
    const found: Float32Array[] = [];
    const keep = (logits: Float32Array): void => {
      found.push(logits.slice());
      turn();
    };
    keep(await session.prefill(ids(140, step)));
    for (const token of ids(3, step)) keep(await session.decode(token));
    session.rewind(4);
    keep(await session.allLogits(ids(3, step + 1)));
    session.close();
    return found;
  };
}

/** A measurement's factors. */
function measuring(model: Model): Work {
  return async (kernels, turn) => {
    const tokens = { sequences: 4, length: 6, ids: ids(24, 613) };
    const options = { store: memoryStore(), batchTokens: 6, onProgress: turn };
    const measurement = await measureModel(kernels, model, tokens, options);
    const factors = [];
    for (const { tensor } of measurement.summaries) factors.push(await measurement.read(tensor));
    return { summaries: measurement.summaries, factors };
  };
}

function evaluating(reference: Model, candidate: Model): Work {
  return (kernels, turn) =>
    evaluateModels(kernels, reference, candidate, ids(48, 1013), { length: 8, onProgress: turn });
}

for (const place of ['in this thread', 'in a worker']) {
  test(`work interleaved on one device gives the bits that each gives alone: ${place}`, async (context) => {
    const own = await testKernels();
    const device = place === 'in a worker' ? new WorkerDevice({ kernels: 'wasm', seed: 3 }) : own.device;
    if (device !== own.device) context.after(() => device.close());
    const kernels: Kernels = { ...own, device };
    const used = device.memory().used;
    const small = { intermediate_size: 64 };
    const [llama, qwen] = [await syntheticModel('LlamaForCausalLM', small), await syntheticModel('Qwen3ForCausalLM')];
    const other = await syntheticModel('LlamaForCausalLM', small, 2);
    const moe = await syntheticModel('Qwen2MoeForCausalLM', { ...configs.Qwen2MoeForCausalLM, ...small });
    const works = [
      ...[decoding(qwen, 613), decoding(qwen, 911), decoding(moe, 613)],
      ...[measuring(llama), measuring(moe), evaluating(llama, other)],
    ];
    const alone: unknown[] = [];
    for (const work of works) alone.push(await work(kernels, () => {}));
    const turns: number[] = [];
    const together = await Promise.all(works.map((work, i) => work(kernels, () => void turns.push(i))));
    assert.deepEqual(together, alone);
    const changes = turns.filter((work, i) => i > 0 && work !== turns[i - 1]).length;
    assert.ok(changes > 2 * works.length, `${changes} changes of turn in ${turns.join('')}`);
    assert.equal(new Set(turns).size, works.length);
    assert.equal(device.memory().used, used, 'everything was given back');
  });
}
