import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGguf } from '../../src/container/gguf/read.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { Random } from '../../src/core/random.ts';
import { evaluateModels } from '../../src/evaluate/evaluate.ts';
import { evaluationBytes } from '../../src/evaluate/predict.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import { programScratch } from '../../src/kernels/wasm/scratch.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { measurementBytes } from '../../src/measure/predict.ts';
import { memoryStore } from '../../src/measure/store.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import type { Model, ModelConfig } from '../../src/model/types.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { categorical } from '../../src/objective/categorical.ts';
import type { Scratch } from '../../src/run/footprint.ts';
import { sessionBytes } from '../../src/run/predict.ts';
import { type TokenBatch, textSequences } from '../../src/run/sequences.ts';
import { createSession } from '../../src/run/session.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { modelOf, randomTensors, smallConfig } from '../measure/support.ts';
import { configs } from '../support/configs.ts';
import { syntheticModel } from '../support/synthetic.ts';

interface Case {
  readonly name: string;
  readonly threads: number;
  readonly context: number;
  readonly model: () => Promise<Model>;
  /** What it is evaluated against. */
  readonly reference: () => Promise<Model>;
}

/** A random model in a file of one format, with a head that is larger than all blocks. */
function stored(
  architecture: string,
  format: string,
  tied: boolean,
  rest: Pick<Case, 'threads' | 'context'>,
  more: Readonly<Record<string, unknown>> = {},
): Case {
  const overrides = { ...more, tie_word_embeddings: tied, intermediate_size: 256, max_position_embeddings: 512 };
  const written = async (name: string): Promise<Model> => {
    const sink = new MemorySink();
    const formatOf = ({ shape }: { shape: readonly number[] }): string => (shape.length < 2 ? 'F32' : name);
    await writeModelGguf(await syntheticModel(architecture, overrides), sink, { formatOf });
    const file = await readGguf(memorySource(sink.bytes()));
    return modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata) });
  };
  const name = `${architecture} in ${format}`;
  return { name, ...rest, model: () => written(format), reference: () => written('F32') };
}

/** A model of few tokens: its blocks take more than its head. */
const wide: ModelConfig = { ...smallConfig, hidden: 64, feedForward: 160, headDim: 16, contextLength: 512 };

const cases: readonly Case[] = [
  stored('LlamaForCausalLM', 'F32', false, { threads: 1, context: 200 }),
  stored('Qwen2ForCausalLM', 'Q8_0', true, { threads: 2, context: 128 }),
  stored('Qwen3ForCausalLM', 'Q4_0', false, { threads: 1, context: 300 }),
  stored(
    'Gemma3ForCausalLM',
    'Q8_0',
    true,
    { threads: 1, context: 140 },
    { ...configs.Gemma3ForCausalLM, num_hidden_layers: 3 },
  ),
  stored('Lfm2ForCausalLM', 'F32', false, { threads: 2, context: 200 }, configs.Lfm2ForCausalLM),
  {
    name: 'a model with large blocks',
    ...{ threads: 2, context: 260 },
    model: async () => modelOf(wide, randomTensors(wide, new Random(1))),
    reference: async () => modelOf(wide, randomTensors(wide, new Random(2))),
  },
];

const ids = (length: number): Int32Array =>
  Int32Array.from({ length }, (_, i) => (i * 613 + 5) % smallConfig.vocabulary);

const dataOf = (tokens: TokenBatch) => ({ sequences: textSequences(tokens), objective: categorical });

/** Runs work on kernels of its own, whose highest memory is nothing else's. */
async function peakOf(threads: number, work: (kernels: Kernels) => Promise<unknown>): Promise<number> {
  const kernels = await createWasmKernels({ threads });
  try {
    await work(kernels);
    assert.equal(kernels.memory().used, 0, 'everything was given back');
    return kernels.memory().peak;
  } finally {
    kernels.close();
  }
}

const supported = { supportsPacked: () => true };

for (const item of cases) {
  const { threads, context } = item;
  const scratch: Scratch = (program, sizes) => programScratch(program, sizes, threads);
  const name = `${item.name}, ${threads} thread${threads > 1 ? 's' : ''}`;

  test(`memory of running ${name} is what was predicted, to the byte`, async () => {
    const model = await item.model();
    for (const exact of [false, true]) {
      const taken = await peakOf(threads, async (kernels) => {
        const session = await createSession(kernels.device, model, { contextLength: context, exact });
        await session.prefill(ids(context));
        session.rewind(context - 1);
        await session.decode(7);
        session.close();
      });
      const options = { contextLength: context, exact };
      assert.equal(sessionBytes(supported, model, options, scratch), taken, exact ? 'exact' : 'packed');
    }
  });

  test(`memory of measuring ${name} is what was predicted, to the byte`, async () => {
    const model = await item.model();
    const tokens = { sequences: 6, length: 24, ids: ids(6 * 24) };
    for (const batchTokens of [24, 48, 2048]) {
      const taken = await peakOf(threads, (kernels) =>
        measureModel(kernels, model, tokens, { store: memoryStore(), batchTokens }),
      );
      assert.equal(measurementBytes(model, dataOf(tokens), { batchTokens }, scratch), taken, `${batchTokens} tokens`);
    }
  });

  test(`memory of evaluating ${name} is what was predicted, to the byte`, async () => {
    const model = await item.model();
    const reference = await item.reference();
    const tokens = ids(5 * 32);
    const taken = await peakOf(threads, (kernels) => evaluateModels(kernels, reference, model, tokens, { length: 32 }));
    assert.equal(evaluationBytes(reference, model, tokens, { length: 32 }, scratch), taken);
  });
}

test('measuring 32 blocks takes what measuring 4 takes, to the byte', () => {
  const tokens = { sequences: 4, length: 32, ids: ids(4 * 32) };
  const [few, many] = [4, 32].map((layers) => {
    const config = { ...wide, layers };
    const model = modelOf(config, randomTensors(config, new Random(1)));
    return measurementBytes(model, dataOf(tokens), {}, (program, sizes) => programScratch(program, sizes, 1));
  });
  assert.equal(many, few);
});
