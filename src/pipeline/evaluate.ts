import { readKlBase } from '../container/kl-base.ts';
import type { WorkOptions } from '../core/progress.ts';
import { evaluateModels } from '../evaluate/evaluate.ts';
import { evaluateAgainstBase, writeKlBase } from '../evaluate/kl-base.ts';
import { measureRecall, pairsOfText, readPairs } from '../evaluate/recall.ts';
import type { Evaluation } from '../evaluate/types.ts';
import type { Model } from '../model/types.ts';
import type { Host } from './host/types.ts';
import { heldOutTokens, sequenceLength, type TextChoice } from './texts.ts';

export interface EvaluateFilesOptions extends WorkOptions {
  /** The original, when it is at hand. */
  readonly original?: Model;
  /** Else a file of its logits. */
  readonly base?: string;
  /** Writes the model's own logits here instead of comparing. */
  readonly saveBase?: string;
  readonly text: TextChoice;
  /** Queries and their texts, of encoders: what a file holds, see `readPairs`; default parts of the text itself. */
  readonly pairs?: { readonly name: string; readonly text: string };
  /** Tokens per window. */
  readonly context?: number;
  readonly threads?: number;
}

/** Compares a model with its original, or writes its logits for others to compare with. Closes both models. */
export async function evaluateFiles(
  host: Host,
  model: Model,
  options: EvaluateFilesOptions,
): Promise<Evaluation | undefined> {
  const { original, base, saveBase, signal, onProgress } = options;
  const kernels = await host.kernels(options.threads ?? host.threads);
  const length = options.context ?? sequenceLength(model);
  try {
    if (base !== undefined) {
      const source = await host.source(base);
      try {
        return await evaluateAgainstBase(kernels, await readKlBase(source), model, { signal, onProgress });
      } finally {
        await source.close();
      }
    }
    // Those that `quantize` measures its results on.
    const { judged: tokens } = await heldOutTokens(host, model, options.text, length);
    if (original !== undefined) {
      const evaluation = await evaluateModels(kernels, original, model, tokens, { length, signal, onProgress });
      if (model.config.embedding === undefined) return evaluation;
      const pairs =
        options.pairs === undefined
          ? pairsOfText(original.tokenizer, tokens, length)
          : readPairs(original.tokenizer, options.pairs.text, options.pairs.name, original.config.contextLength);
      return { ...evaluation, recall: await measureRecall(kernels, original, model, pairs, { signal }) };
    }
    await writeKlBase(kernels, model, tokens, await host.sink(saveBase!), { length, signal, onProgress });
    return undefined;
  } finally {
    kernels.close();
    await model.close();
    await original?.close();
  }
}
