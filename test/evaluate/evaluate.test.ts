import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKlBase } from '../../src/container/kl-base.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { evaluateModels, referenceStates, scoreModels } from '../../src/evaluate/evaluate.ts';
import { evaluateAgainstBase, writeKlBase } from '../../src/evaluate/kl-base.ts';
import { estimate, summarize } from '../../src/evaluate/summary.ts';
import { labelsOf, scoredWindows } from '../../src/evaluate/windows.ts';
import type { Model } from '../../src/model/types.ts';
import { createSession } from '../../src/run/session.ts';
import { testKernels } from '../support/kernels.ts';
import { syntheticModel } from '../support/synthetic.ts';

const length = 8;
const vocabulary = 4096;
const tokens = Int32Array.from({ length: 27 }, (_, i) => (i * 1013 + 3) % vocabulary);

/** A view of a model with every matrix of one role shaken. */
function shaken(model: Model, amount: number): Model {
  const tensors = new Map(model.tensors);
  for (const [name, tensor] of tensors) {
    if (tensor.role !== 'ffn_down') continue;
    const load = async (start?: number, end?: number): Promise<Float32Array> =>
      (await tensor.load(start, end)).map((value, i) => value + amount * Math.sin(i));
    tensors.set(name, { ...tensor, load, loadBlocks: undefined });
  }
  return { ...model, tensors };
}

test('windows: no overlap, the rest dropped, the second half scored, labels are the next tokens', () => {
  const windows = scoredWindows(tokens, { length, bos: 1 });
  assert.equal(windows.tokens.length, 24);
  assert.deepEqual([windows.tokens[0], windows.tokens[8], windows.tokens[9]], [1, 1, tokens[9]]);
  assert.equal(windows.firstScored, 4);
  assert.equal(windows.scoredPerWindow, 3);
  assert.deepEqual(
    [...labelsOf(windows)],
    [5, 6, 7, 13, 14, 15, 21, 22, 23].map((i) => tokens[i]),
  );
  assert.throws(() => scoredWindows(tokens, { length: 28 }), /27 tokens, expected at least one window of 28/);
  assert.throws(() => scoredWindows(tokens, { length, firstScored: 7 }), /not within windows of 8/);
});

test('a model against itself: KL 0 within 1e-6, full agreement', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM');
  const result = await evaluateModels(kernels, model, model, tokens, { length });
  assert.equal(result.tokens, 9);
  assert.ok(Math.abs(result.kl.mean) < 1e-6);
  assert.equal(result.topAgreement!.mean, 1);
  assert.equal(result.perplexity!.mean, result.referencePerplexity!.mean);
});

test('KL, likelihoods and agreement are those of the full logits, within 1e-5', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM');
  const candidate = shaken(model, 0.05);
  const scores = await scoreModels(kernels, model, candidate, tokens, { length });
  const windows = scoredWindows(tokens, { length, bos: model.tokenizer.addBos ? model.tokenizer.bos : undefined });
  const labels = labelsOf(windows);
  let scored = 0;
  for (let window = 0; window < 3; window++) {
    const part = windows.tokens.subarray(window * length, (window + 1) * length);
    const [p, q] = [await logProbabilities(model, part), await logProbabilities(candidate, part)];
    for (let position = windows.firstScored; position < length - 1; position++, scored++) {
      const [a, b] = [p, q].map((all) => all.subarray(position * vocabulary, (position + 1) * vocabulary));
      const kl = a.reduce((sum, value, i) => sum + Math.exp(value) * (value - b[i]), 0);
      assert.ok(Math.abs(scores.kl[scored] - kl) < 1e-5, `${scores.kl[scored]} for ${kl}`);
      assert.ok(Math.abs(scores.nllReference[scored] + a[labels[scored]]) < 1e-4);
      assert.ok(Math.abs(scores.nll[scored] + b[labels[scored]]) < 1e-4);
      assert.equal(scores.agree[scored], a.indexOf(Math.max(...a)) === b.indexOf(Math.max(...b)) ? 1 : 0);
    }
  }
  assert.equal(scored, scores.kl.length);
});

test('states of the reference are computed once and reused', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM');
  const states = await referenceStates(kernels, model, tokens, { length });
  const candidate = shaken(model, 0.05);
  const fresh = await evaluateModels(kernels, model, candidate, tokens, { length });
  assert.deepEqual(await evaluateModels(kernels, model, candidate, tokens, { length, referenceStates: states }), fresh);
  assert.ok(fresh.kl.mean > 1e-4);
});

test('a KL base file gives the evaluation of the models within its 16 bits', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM');
  const candidate = shaken(model, 0.1);
  const sink = new MemorySink();
  await writeKlBase(kernels, model, tokens, sink, { length });
  const base = await readKlBase(memorySource(sink.bytes()));
  assert.equal(base.chunks, 3);
  const direct = await evaluateModels(kernels, model, candidate, tokens, { length });
  const against = await evaluateAgainstBase(kernels, base, candidate);
  assert.equal(against.tokens, direct.tokens);
  assert.ok(Math.abs(against.kl.mean - direct.kl.mean) < 1e-4);
  assert.ok(Math.abs(Math.log(against.referencePerplexity!.mean / direct.referencePerplexity!.mean)) < 1e-3);
  assert.ok(Math.abs(Math.log(against.perplexity!.mean / direct.perplexity!.mean)) < 1e-5);
});

test('rejects models whose vocabularies differ', async () => {
  const kernels = await testKernels();
  const model = await syntheticModel('LlamaForCausalLM');
  const larger = await syntheticModel('LlamaForCausalLM', { vocab_size: 4100 });
  await assert.rejects(
    evaluateModels(kernels, model, larger, tokens, { length }),
    /4096 and 4100 tokens cannot be compared/,
  );
});

test('estimates: mean, standard error and quantiles of known values', () => {
  const { mean, standardError } = estimate(Float32Array.from([1, 2, 3, 4]));
  assert.equal(mean, 2.5);
  assert.ok(Math.abs(standardError - Math.sqrt(5 / 3 / 4)) < 1e-12);
  const values = Float32Array.from({ length: 101 }, (_, i) => 100 - i);
  const { klQuantiles } = summarize({ kl: values, nll: values, nllReference: values, agree: values });
  assert.deepEqual(klQuantiles, { median: 50, p90: 90, p99: 99, max: 100 });
});

async function logProbabilities(model: Model, part: Int32Array): Promise<Float32Array> {
  const kernels = await testKernels();
  const session = await createSession(kernels.device, model, { contextLength: length, exact: true });
  const logits = kernels.upload(await session.allLogits(part));
  kernels.logSoftmax(logits, vocabulary);
  session.close();
  const copy = logits.slice();
  kernels.free(logits);
  return copy;
}
