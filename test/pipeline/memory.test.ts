import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { roundedActivationBytes } from '../../src/kernels/wasm/packed.ts';
import { SCRATCH_BYTES } from '../../src/kernels/wasm/team.ts';
import { openModel } from '../../src/model/open.node.ts';
import { sitesOf } from '../../src/model/sites.ts';
import type { Model } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { memory } from '../../src/pipeline/resources/memory.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import { matrices, type SensitivityTable } from '../../src/quantize/sensitivity.ts';
import { createSession } from '../../src/run/session.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

/** A format that products meet with rounded activations, and one that they meet with floats. */
const PACKED = 'Q8_0';
const FLOAT = 'F32';

/** A table in which every matrix has the format of the file. */
function tableOf(model: Model): SensitivityTable {
  const tensors = matrices(model).map(({ name, role, layer, shape: [rows, columns], format }) => {
    const prices = [{ format, loss: 0, samplingError: 0 }];
    return { tensor: name, role, kind: 'attention' as const, layer, rows, columns, relativeError: 0, prices };
  });
  return { version: 1, model: '', rounding: 'gptq', scale: { value: 1, standardError: 0 }, tensors };
}

function predictedBytes(model: Model, context: number, threads: number): number {
  const table = tableOf(model);
  const { fixed, cost } = memory({ model, table, context, threads });
  const weights = sitesOf(model).filter(({ kind }) => kind === 'weight');
  return weights.reduce((sum, site) => sum + cost([{ site, option: model.tensors.get(site.id)!.format }]), fixed);
}

/** Kernel memory at its highest while a full context runs, the threads' own scratch included. */
async function takenBytes(model: Model, context: number, threads: number): Promise<number> {
  const kernels = await createWasmKernels({ threads });
  const session = await createSession(kernels.device, model, { contextLength: context });
  await session.prefill(randomTokens(1, context, 1).ids);
  const { peak } = kernels.memory();
  session.close();
  kernels.close();
  return peak + kernels.threads * SCRATCH_BYTES;
}

test('predicted memory is what running takes: to the byte at full chunks of packed matrices, else at most the scratch above', async (context) => {
  const folder = await temporaryFolder(context);
  let cases = 0;
  for (const [architecture, down, tokens, threads] of [
    ['LlamaForCausalLM', PACKED, 256, 1],
    ['Qwen3ForCausalLM', PACKED, 256, 2],
    ['Qwen2ForCausalLM', FLOAT, 256, 1],
  ] as const) {
    const overrides = { intermediate_size: 256, max_position_embeddings: 512, tie_word_embeddings: cases % 2 === 0 };
    const path = join(folder, `${architecture}.gguf`);
    const formatOf = ({ role, shape }: { role: string; shape: readonly number[] }): string =>
      shape.length < 2 ? 'F32' : role === 'ffn_down' ? down : PACKED;
    await writeModelGguf(await syntheticModel(architecture, overrides), await fileSink(path), { formatOf });
    const model = await openModel(path);
    const [predicted, taken] = [predictedBytes(model, tokens, threads), await takenBytes(model, tokens, threads)];
    await model.close();
    const most = down === PACKED ? 0 : roundedActivationBytes(128, 256);
    assert.ok(predicted >= taken && predicted - taken <= most, `${architecture}: ${predicted}, ${taken} taken`);
    cases++;
  }
  assert.equal(cases, 3);
});

test('--max-memory at a context: a longer one leaves less for weights', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const plan = async (wishes: { memory?: number; bitsPerWeight?: number }, tokens: number) => {
    const options = { folder, rounding: 'gptq', calibration: async () => randomTokens(8, 32, 1), threads: 1 } as const;
    const {
      plans: [found],
    } = await solveFor(nodeHost, await openModel(source), wishes, { ...options, context: tokens });
    return found.prediction!;
  };
  const most = (await plan({ bitsPerWeight: 8 }, 128)).costs!['memory'];
  const [short, long] = [await plan({ memory: most }, 128), await plan({ memory: most }, 256)];
  assert.ok(short.costs!['memory'] <= most && long.costs!['memory'] <= most);
  assert.ok(long.kl > short.kl && long.fileBytes < short.fileBytes, `${long.kl}, ${short.kl}`);
  await assert.rejects(plan({ memory: 1000 }, 128), /memory: the smallest choices take \d+, the budget is 1000 /);
});
