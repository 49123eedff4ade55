import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSession, type Session } from '../../src/run/session.ts';
import { configs } from '../support/configs.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

/* Models whose blocks carry states, in sessions: in pieces of any length, and back to any position. */

const families = [
  'Lfm2ForCausalLM',
  'Qwen3_5ForCausalLM',
  'NemotronHForCausalLM',
  'GraniteMoeHybridForCausalLM',
] as const;
const tokens = Array.from({ length: 150 }, (_, i) => (i * 613 + 12) % 4096);

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

for (const family of families) {
  const open = async (): Promise<Session> => {
    const model = await syntheticModel(family, { ...configs[family], max_position_embeddings: 256 });
    return createSession((await testKernels()).device, model, { contextLength: 200, exact: true });
  };
  /** Logits behind some tokens, read at once by a new session. */
  const expected = async (read: readonly number[]): Promise<Float32Array> => {
    const session = await open();
    const logits = (await session.prefill(read)).slice();
    session.close();
    return logits;
  };
  const close = (found: Float32Array, wanted: Float32Array, what: string): void => {
    const away = largestDifference(found, wanted);
    assert.ok(away <= 1e-4, `${what}: ${away} away`);
  };

  test(`${family}: pieces of 1 to 130 tokens give the logits of one pass, to 1e-4`, async () => {
    const session = await open();
    let [start, count] = [0, 0];
    for (const length of [1, 2, 3, 5, 130, 1]) {
      const logits = await session.prefill(tokens.slice(start, start + length));
      start += length;
      close(logits, await expected(tokens.slice(0, start)), `${start} tokens`);
      count++;
    }
    assert.equal(count, 6);
    session.close();
  });

  test(`${family}: after going back to any position logits are those of a new session, to 1e-4`, async () => {
    const session = await open();
    await session.prefill(tokens);
    const others = [77, 5, 901];
    let count = 0;
    for (const position of [140, 140, 139, 3, 1, 0, 100, 40, 41, 40]) {
      if (session.position < position) await session.prefill(tokens.slice(session.position));
      session.rewind(position);
      assert.equal(session.position, position);
      let logits = await session.prefill([others[0]]);
      for (const other of others.slice(1)) logits = await session.decode(other);
      close(logits, await expected([...tokens.slice(0, position), ...others]), `back to ${position}`);
      session.rewind(position);
      count++;
    }
    assert.equal(count, 10);
    session.close();
  });

  test(`${family}: tokens that count as read leave empty states, to which a session goes back`, async () => {
    const model = await syntheticModel(family, configs[family]);
    const session = await createSession((await testKernels()).device, model, { contextLength: 40, past: 30 });
    const once = (await session.decode(7)).slice();
    session.rewind(30);
    assert.deepEqual(await session.decode(7), once);
    assert.throws(() => session.rewind(3), /cannot go back to 3: what the first 30 tokens were is not known/);
    session.close();
  });
}
