import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GenerateOptions, type GenerationStats, generate } from '../../src/run/generate.ts';
import type { Session } from '../../src/run/session.ts';
import type { Tokenizer } from '../../src/text/types.ts';

/** A session that always continues with the next byte of a text, over a vocabulary of bytes. */
function scripted(text: string, contextLength = 100): { session: Session; tokenizer: Tokenizer } {
  const script = new TextEncoder().encode(text);
  let at = 0;
  let position = 0;
  const next = (): Float32Array => {
    const logits = new Float32Array(257);
    logits[at < script.length ? script[at] : 256] = 10;
    at++;
    return logits;
  };
  const session = {
    contextLength,
    get position() {
      return position;
    },
    prefill: async (tokens: ArrayLike<number>) => {
      position += tokens.length;
      return next();
    },
    decode: () => {
      position++;
      return next();
    },
  };
  const tokenizer = { vocabularySize: 257, stop: [256], tokenBytes: (id: number) => Uint8Array.of(id) };
  return { session: session as unknown as Session, tokenizer: tokenizer as unknown as Tokenizer };
}

async function run(
  text: string,
  options: GenerateOptions = {},
  contextLength = 100,
): Promise<{ pieces: string[]; stats: GenerationStats }> {
  const { session, tokenizer } = scripted(text, contextLength);
  const pieces: string[] = [];
  const generator = generate(session, tokenizer, [1, 2, 3], { temperature: 0, ...options });
  for (;;) {
    const { done, value } = await generator.next();
    if (done) return { pieces, stats: value };
    pieces.push(value);
  }
}

test('pieces are whole characters, whatever tokens cut them', async () => {
  const { pieces, stats } = await run('né 漢字 🙂!');
  assert.deepEqual(pieces, ['n', 'é', ' ', '漢', '字', ' ', '🙂', '!']);
  assert.equal(stats.finish, 'stop');
  assert.equal(stats.promptTokens, 3);
  assert.equal(stats.generatedTokens, 16);
  assert.ok(stats.decodeTokensPerSecond > 0);
});

test('ends at the token limit, at the context, and shows a cut character as such', async () => {
  const limited = await run('abcdef', { maxTokens: 2 });
  assert.equal(limited.pieces.join(''), 'ab');
  assert.equal(limited.stats.finish, 'length');
  const full = await run('abcdef', {}, 7);
  assert.equal(full.pieces.join(''), 'abcd');
  const cut = await run('é', { maxTokens: 1 });
  assert.deepEqual(cut.pieces, ['\ufffd']);
});

test('an abort ends the text and says so', async () => {
  const controller = new AbortController();
  const { session, tokenizer } = scripted('abcdef');
  const generator = generate(session, tokenizer, [1], { temperature: 0, signal: controller.signal });
  assert.equal((await generator.next()).value, 'a');
  controller.abort();
  const { done, value } = await generator.next();
  assert.equal(done, true);
  assert.equal((value as GenerationStats).finish, 'aborted');
});

/** A session whose every token is the same. */
function constant(logits: readonly number[], vocabularySize: number): { session: Session; tokenizer: Tokenizer } {
  const always = Float32Array.from(logits);
  const session = { contextLength: 10, position: 0, prefill: async () => always, decode: () => always };
  const tokenBytes = (id: number): Uint8Array => {
    assert.ok(id < vocabularySize, `token ${id} was looked up`);
    return Uint8Array.of(97 + id);
  };
  const tokenizer = { vocabularySize, stop: [], tokenBytes };
  return { session: session as unknown as Session, tokenizer: tokenizer as unknown as Tokenizer };
}

test('rows beyond the vocabulary are padding: they give no text', async () => {
  const { session, tokenizer } = constant([0, 1, 5], 2);
  const generator = generate(session, tokenizer, [0], { temperature: 0, maxTokens: 3 });
  const { done, value } = await generator.next();
  assert.ok(done);
  assert.equal(value.generatedTokens, 3);
});

test('a model that computes no numbers is told as that, and nothing is printed', async () => {
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const { session, tokenizer } = constant([0, wrong], 2);
    await assert.rejects(generate(session, tokenizer, [0], {}).next(), /computes (NaN|Infinity) where a token's score/);
  }
  const { session, tokenizer } = constant([Number.NEGATIVE_INFINITY, 1], 2);
  assert.equal((await generate(session, tokenizer, [0], { temperature: 0, maxTokens: 1 }).next()).value, 'b');
});
