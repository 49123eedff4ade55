import { type KlBaseFile, KlBaseWriter } from '../container/kl-base.ts';
import type { ByteSink } from '../container/types.ts';
import { UsageError } from '../core/errors.ts';
import { checkpoint } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { openHead } from '../run/forward.ts';
import { type EvaluateOptions, logitsOf, referenceStates, scoredStates } from './evaluate.ts';
import { emptyScores, scoreRows, type TokenScores } from './scores.ts';
import { summarize } from './summary.ts';
import type { Evaluation } from './types.ts';
import { labelsOf, scoredWindows } from './windows.ts';

/**
 * Writes a model's log-probabilities for llama-perplexity's `--kl-divergence-base` and commits the sink.
 * @param options.firstScored must be absent: the file format fixes it at half of a window
 */
export async function writeKlBase(
  kernels: Kernels,
  model: Model,
  tokens: Int32Array,
  sink: ByteSink,
  options: Omit<EvaluateOptions, 'firstScored'> = {},
): Promise<void> {
  const { windows, states } = options.referenceStates ?? (await referenceStates(kernels, model, tokens, options));
  const { vocabulary } = model.config;
  const chunks = windows.tokens.length / windows.length;
  const rows = windows.scoredPerWindow;
  const head = await openHead(kernels.device, model);
  try {
    const writer = await KlBaseWriter.create(sink, {
      contextLength: windows.length,
      vocabulary,
      chunks,
      tokens: windows.tokens,
    });
    for (let chunk = 0; chunk < chunks; chunk++) {
      await checkpoint(options.signal);
      const logits = await logitsOf(kernels, head, states, chunk * rows, rows, chunks * rows, vocabulary);
      await writer.write(logits);
      kernels.free(logits);
      options.onProgress?.({ stage: 'writing', done: chunk + 1, total: chunks, unit: 'windows' });
    }
    await writer.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  } finally {
    head.close();
  }
}

/** Log-probabilities at and below this are the file's floor or nothing to a mean; llama-perplexity leaves them out too. */
const negligible = -16;

/**
 * Evaluates a model against a `--kl-divergence-base` file, on the text and windows of that file.
 * The file's 16-bit log-probabilities are normed again, so single tokens differ from llama-perplexity's by about 1e-4.
 * @throws UsageError when the vocabularies differ
 */
export async function evaluateAgainstBase(
  kernels: Kernels,
  base: KlBaseFile,
  candidate: Model,
  options: Pick<EvaluateOptions, 'signal' | 'onProgress'> = {},
): Promise<Evaluation> {
  const { vocabulary } = candidate.config;
  if (base.vocabulary !== vocabulary) {
    throw new UsageError(`KL base file: vocabulary of ${base.vocabulary} tokens, but the model has ${vocabulary}`);
  }
  const bos = candidate.tokenizer.addBos ? candidate.tokenizer.bos : undefined;
  const windows = scoredWindows(base.tokens, { length: base.contextLength, firstScored: base.firstScored, bos });
  const labels = labelsOf(windows);
  const states = await scoredStates(kernels, candidate, windows, options);
  const count = labels.length;
  const scores = emptyScores(count);
  const head = await openHead(kernels.device, candidate);
  try {
    for (let chunk = 0; chunk < base.chunks; chunk++) {
      await checkpoint(options.signal);
      const first = chunk * base.rows;
      const logits = await logitsOf(kernels, head, states, first, base.rows, count, vocabulary);
      await compareChunk(kernels, base, chunk, logits, labels, scores);
      kernels.free(logits);
    }
  } finally {
    head.close();
  }
  return summarize(scores);
}

async function compareChunk(
  kernels: Kernels,
  base: KlBaseFile,
  chunk: number,
  logits: Float32Array,
  labels: Int32Array,
  scores: TokenScores,
): Promise<void> {
  const { rows, vocabulary } = base;
  const stored = await base.chunk(chunk);
  const first = chunk * rows;
  kernels.scope(() => {
    const reference = kernels.f32(rows * vocabulary);
    for (let row = 0; row < rows; row++) {
      // The label keeps its likelihood even where it is negligible to the mean.
      const label = labels[first + row];
      const values = reference.subarray(row * vocabulary, (row + 1) * vocabulary);
      stored.logProbabilities(row, values);
      for (let i = 0; i < vocabulary; i++) if (values[i] <= negligible && i !== label) values[i] = -1e4;
    }
    scoreRows(kernels, reference, logits, labels, first, vocabulary, scores);
  });
}
