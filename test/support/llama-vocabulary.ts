import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Llama, LlamaModel, Token } from 'node-llama-cpp';
import type { TypedMetadata } from '../../src/text/types.ts';
import { vocabularyFile } from './gguf-metadata.ts';

let llama: Promise<Llama> | undefined;

/** llama.cpp (node-llama-cpp, CPU, quiet); one instance per process. */
export function llamaCpp(): Promise<Llama> {
  llama ??= import('node-llama-cpp').then(({ getLlama, LlamaLogLevel }) =>
    getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.disabled, progressLogs: false }),
  );
  return llama;
}

/** llama.cpp's ids for each text, of the vocabulary in these key-values. */
export async function llamaIds(
  metadata: ReadonlyMap<string, TypedMetadata>,
  texts: readonly string[],
  parseSpecial = false,
): Promise<number[][]> {
  return (await llamaIdsOf(metadata, [{ texts, parseSpecial }]))[0];
}

/** The same for several lists of texts, the vocabulary loaded once. */
export async function llamaIdsOf(
  metadata: ReadonlyMap<string, TypedMetadata>,
  lists: readonly { readonly texts: readonly string[]; readonly parseSpecial: boolean }[],
): Promise<number[][][]> {
  return withLlamaVocabulary(metadata, (model) =>
    lists.map(({ texts, parseSpecial }) => texts.map((text) => Array.from(model.tokenize(text, parseSpecial), Number))),
  );
}

/** Ids at which llama.cpp ends generation, of the vocabulary in these key-values. */
export async function llamaEnds(metadata: ReadonlyMap<string, TypedMetadata>): Promise<number[]> {
  const { length } = metadata.get('tokenizer.ggml.tokens')!.value as readonly string[];
  return withLlamaVocabulary(metadata, (model) =>
    Array.from({ length }, (_, id) => id).filter((id) => model.isEogToken(id as Token)),
  );
}

async function withLlamaVocabulary<T>(
  metadata: ReadonlyMap<string, TypedMetadata>,
  work: (model: LlamaModel) => T,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bitbudget-vocabulary-'));
  try {
    const modelPath = join(folder, 'vocabulary.gguf');
    const architecture: [string, TypedMetadata][] = [['general.architecture', { type: 'string', value: 'llama' }]];
    writeFileSync(modelPath, vocabularyFile(new Map([...architecture, ...metadata])));
    const model = await (await llamaCpp()).loadModel({ modelPath, vocabOnly: true, gpuLayers: 0 });
    try {
      return work(model);
    } finally {
      await model.dispose();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
