import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { Random } from '../../src/core/random.ts';
import type { TokenBatch } from '../../src/measure/plan.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import type { QuantizeOptions } from '../../src/pipeline/quantize-options.ts';
import { holdOut } from '../../src/pipeline/texts.ts';
import { syntheticModel } from '../support/synthetic.ts';

/** A folder that is removed after the test. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-test-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * A random llama of two blocks as an F32 GGUF file: small enough for the whole job to take a second or two.
 * @param overrides of its config.json
 */
export async function smallModelFile(folder: string, overrides: Record<string, unknown> = {}): Promise<string> {
  const path = join(folder, 'small.gguf');
  const model = await syntheticModel('LlamaForCausalLM', { intermediate_size: 256, ...overrides });
  await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F32' });
  return path;
}

/** How a small model is quantized and verified in a moment. */
export function quickOptions(folder: string): Omit<QuantizeOptions, 'target'> {
  return {
    output: join(folder, 'out.gguf'),
    rounding: 'nearest',
    calibration: async () => randomTokens(8, 32, 1),
    evaluation: async () => holdOut(randomTokens(8, 32, 2).ids, 32),
    evaluationLength: 32,
    folder,
    threads: 1,
  };
}

/** Random tokens: a random model has no use for text. */
export function randomTokens(sequences: number, length: number, seed: number): TokenBatch {
  const random = new Random(seed);
  return { sequences, length, ids: Int32Array.from({ length: sequences * length }, () => random.integer(4096)) };
}
