import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileSink } from '../../src/container/node.ts';
import { Random } from '../../src/core/random.ts';
import type { TokenBatch } from '../../src/measure/plan.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { syntheticModel } from '../support/synthetic.ts';

/** A folder that is removed after the test. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-test-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A random llama of two blocks as an F32 GGUF file: small enough for the whole job to take a second or two. */
export async function smallModelFile(folder: string): Promise<string> {
  const path = join(folder, 'small.gguf');
  const model = await syntheticModel('LlamaForCausalLM', { intermediate_size: 256 });
  await writeModelGguf(model, await fileSink(path), { formatOf: () => 'F32' });
  return path;
}

/** Random tokens: a random model has no use for text. */
export function randomTokens(sequences: number, length: number, seed: number): TokenBatch {
  const random = new Random(seed);
  return { sequences, length, ids: Int32Array.from({ length: sequences * length }, () => random.integer(4096)) };
}
