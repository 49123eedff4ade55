import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cacheStates } from '../../src/graph/states.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { cacheBytes } from '../../src/model/cache-formats.ts';
import { openModel } from '../../src/model/open.node.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { type QuantizeResult, quantizeModel } from '../../src/pipeline/quantize.ts';
import { generate } from '../../src/run/generate.ts';
import { createSession } from '../../src/run/session.ts';
import { WorkerDevice } from '../support/worker-device.ts';
import { quickOptions, smallModelFile, temporaryFolder } from './support.ts';

const CONTEXT = 64;
/** Two chunks of a prompt would need more context; this one is read in one, then tokens follow one by one. */
const prompt = Int32Array.from({ length: 20 }, (_, i) => (i * 613 + 5) % 4096);

/** Kernels here, and the same ones in a worker that holds all memory of programs. */
async function opened(context: TestContext): Promise<{ here: Kernels; there: Kernels; device: WorkerDevice }> {
  const here = await createWasmKernels({ threads: 1 });
  const device = new WorkerDevice({ kernels: 'wasm', packed: (format) => here.supportsPacked(format), seed: 1 });
  context.after(() => {
    device.close();
    here.close();
  });
  return { here, there: { ...here, device }, device };
}

/** The whole job, caches and activations included: measures, prices, solves, rounds, verifies, writes. */
async function job(source: string, folder: string, kernels: Kernels): Promise<QuantizeResult> {
  const model = await openModel(source);
  const kv = Math.floor(
    cacheStates(model.graph).reduce((sum, state) => sum + cacheBytes(state.width, 'F16', CONTEXT), 0) / 1.7,
  );
  return quantizeModel(nodeHost, model, {
    ...quickOptions(folder),
    target: { kind: 'budgets', wishes: { bitsPerWeight: 7, kv } },
    rounding: 'gptq',
    palette: ['Q8_0', 'Q4_0', 'F16'],
    activations: [16, 8],
    context: CONTEXT,
    kernels,
  });
}

/** Logits after the prompt and after two more tokens, and what is written then. */
async function decoded(path: string, kernels: Kernels): Promise<{ logits: Float32Array[]; text: string }> {
  const model = await openModel(path);
  const session = await createSession(kernels.device, model, { contextLength: CONTEXT });
  try {
    const logits = [(await session.prefill(prompt)).slice()];
    for (const token of [7, 11]) logits.push((await session.decode(token)).slice());
    const pieces: string[] = [];
    for await (const piece of generate(session, model.tokenizer, [13], { maxTokens: 8, temperature: 1, seed: 3 }))
      pieces.push(piece);
    return { logits, text: pieces.join('') };
  } finally {
    session.close();
    await model.close();
  }
}

test('a device in a worker measures, prices, verifies, writes and decodes to the same bytes', async (context) => {
  const { here, there, device } = await opened(context);
  const [near, far] = [await temporaryFolder(context), await temporaryFolder(context)];
  const source = await smallModelFile(near, { head_dim: 32 });
  const [expected, found] = [await job(source, near, here), await job(source, far, there)];
  const [a, b] = [join(near, 'out.gguf'), join(far, 'out.gguf')];
  assert.deepEqual(found.plan, expected.plan);
  assert.deepEqual(found.evaluation, expected.evaluation);
  assert.ok(found.plan.sites['blk.0.k'] !== undefined && found.evaluation!.kl.mean > 0);
  assert.deepEqual(await readFile(b), await readFile(a));
  const measured = device.reads;
  assert.ok(measured > 500, `${measured} reads`);
  assert.equal(device.memory().used, 0, 'everything was given back');
  const [runHere, runThere] = [await decoded(a, here), await decoded(b, there)];
  assert.deepEqual(runThere, runHere);
  assert.ok(runHere.logits.every((logits) => logits.some((value) => value !== 0)));
  assert.ok(device.reads > measured);
  assert.equal(device.memory().used, 0, 'everything was given back');
});
