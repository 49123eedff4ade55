import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { SCRATCH_BYTES } from '../../src/kernels/wasm/team.ts';
import { withActivationBits } from '../../src/model/activation-bits.ts';
import { withCacheFormats } from '../../src/model/cache-formats.ts';
import { openModel } from '../../src/model/open.node.ts';
import { roundingMetadata } from '../../src/model/roundings.ts';
import { sitesOf } from '../../src/model/sites.ts';
import type { Model } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { memory } from '../../src/pipeline/resources/memory.ts';
import type { Choice } from '../../src/pipeline/resources/types.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import { matrices, type SensitivityTable } from '../../src/quantize/sensitivity.ts';
import { createEncoder } from '../../src/run/encoder.ts';
import { createSession } from '../../src/run/session.ts';
import { configs } from '../support/configs.ts';
import { syntheticModel } from '../support/synthetic.ts';
import { randomTokens, smallModelFile, temporaryFolder } from './support.ts';

/** A table in which every matrix has the format of the file alone, or all of some. */
function tableOf(model: Model, formats?: readonly string[]): SensitivityTable {
  const tensors = matrices(model).map(({ name, role, layer, shape: [rows, columns], format }) => {
    const prices = (formats ?? [format]).map((each) => ({ format: each, loss: 0, samplingError: 0 }));
    return { tensor: name, role, kind: 'attention' as const, layer, rows, columns, relativeError: 0, prices };
  });
  return { version: 1, model: '', rounding: 'gptq', scale: { value: 1, standardError: 0 }, tensors };
}

interface Case {
  readonly architecture: string;
  readonly threads: number;
  readonly context: number;
  readonly formatOf: (tensor: { role: string }) => string;
  /** Of keys and of values. */
  readonly cache?: readonly [string, string];
  readonly bits?: number;
  /** Of its config.json. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Rows that take more to encode than anything else does. */
const WIDE = { num_attention_heads: 8, num_key_value_heads: 8, head_dim: 64 };

/** Formats that products meet with rounded activations, and with floats; caches of several; grouped experts; short convolutions. */
const CASES: readonly Case[] = [
  { architecture: 'LlamaForCausalLM', threads: 1, context: 256, formatOf: () => 'Q8_0' },
  {
    architecture: 'Qwen2ForCausalLM',
    threads: 1,
    context: 200,
    formatOf: ({ role }) => (role === 'ffn_down' ? 'F32' : 'Q8_0'),
  },
  { architecture: 'Qwen3ForCausalLM', threads: 2, context: 256, formatOf: () => 'Q4_0', cache: ['Q8_0', 'Q4_0'] },
  {
    architecture: 'LlamaForCausalLM',
    threads: 1,
    context: 130,
    formatOf: () => 'F16',
    cache: ['F16', 'IQ4_NL'],
    bits: 6,
  },
  { architecture: 'Qwen2MoeForCausalLM', threads: 2, context: 256, formatOf: () => 'Q8_0', cache: ['Q5_1', 'F32'] },
  {
    architecture: 'Qwen2MoeForCausalLM',
    threads: 1,
    context: 140,
    formatOf: ({ role }) => (/exps$/.test(role) ? 'Q4_0' : 'F16'),
  },
  { architecture: 'Lfm2ForCausalLM', threads: 1, context: 200, formatOf: () => 'Q8_0' },
  {
    architecture: 'LlamaForCausalLM',
    threads: 1,
    context: 64,
    formatOf: () => 'F16',
    cache: ['F16', 'F32'],
    more: WIDE,
  },
  {
    architecture: 'LlamaForCausalLM',
    threads: 2,
    context: 64,
    formatOf: () => 'F16',
    cache: ['F32', 'Q8_0'],
    more: WIDE,
  },
];

/** A file of random weights as a case asks for, opened, with its edges and states as its metadata have them. */
async function written(folder: string, { architecture, formatOf, cache, bits, more }: Case): Promise<Model> {
  const own = configs[architecture as keyof typeof configs];
  const source = await syntheticModel(architecture, {
    ...{ intermediate_size: 256, head_dim: 32, max_position_embeddings: 512 },
    ...own,
    ...more,
  });
  const rounded = withActivationBits(cache ? withCacheFormats(source, { k: cache[0], v: cache[1] }) : source, bits);
  const path = join(folder, 'case.gguf');
  await writeModelGguf(source, await fileSink(path), {
    formatOf: ({ role, shape }) => (shape.length < 2 || /inp/.test(role) ? 'F32' : formatOf({ role })),
    metadata: roundingMetadata(source, rounded.roundings ?? new Map()),
  });
  return openModel(path);
}

/** What a model's sites have, as a plan would choose it. */
function choices(model: Model): Choice[] {
  return sitesOf(model).flatMap((site): Choice[] => {
    const option = site.kind === 'weight' ? model.tensors.get(site.id)!.format : model.roundings?.get(site.id);
    return option === undefined ? [] : [{ site, option }];
  });
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

for (const each of CASES) {
  const { architecture, context: tokens, threads, cache, bits } = each;
  const name = `${architecture}, caches ${cache?.join(' and ') ?? 'F32'}, inputs of ${bits ?? 32} bits, ${tokens} tokens`;
  test(`memory of ${name} is what was predicted, to the byte, and never more than solvers are told`, async (context) => {
    const folder = await temporaryFolder(context);
    const model = await written(folder, each);
    const chosen = choices(model);
    const running = chosen
      .filter(({ site }) => site.kind !== 'weight')
      .map(({ site, option }) => ({ site: site.id, prices: [{ option, loss: 0, lossError: 0 }] }));
    const setting = { model, running, context: tokens, threads };
    const own = memory({ ...setting, table: tableOf(model) });
    const among = memory({ ...setting, table: tableOf(model, ['Q4_0', 'Q8_0', 'F16', 'F32']) });
    const [predicted, taken] = [own.taken!(chosen), await takenBytes(model, tokens, threads)];
    await model.close();
    assert.equal(predicted, taken);
    assert.equal(own.fixed + own.cost(chosen), taken, 'nothing else can be chosen');
    assert.ok(among.fixed + among.cost(chosen) >= taken);
  });
}

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

test('memory of an encoder reading a text that fills its context is what was predicted, to the byte', async (context) => {
  const folder = await temporaryFolder(context);
  const encoder = { architecture: 'BertModel', threads: 2, context: 128, formatOf: () => 'Q8_0' };
  const model = await written(folder, encoder);
  const kernels = await createWasmKernels({ threads: 2 });
  const running = await createEncoder(kernels.device, model);
  await running.encode([randomTokens(1, 128, 1).ids]);
  const taken = kernels.memory().peak + 2 * SCRATCH_BYTES;
  running.close();
  kernels.close();
  await model.close();
  const { taken: predicted } = memory({ model, table: tableOf(model), context: 128, threads: 2 });
  assert.equal(predicted!(choices(model)), taken);
});
