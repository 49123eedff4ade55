import { FormatError } from '../core/errors.ts';
import type { TypedMetadata } from '../text/types.ts';
import type { GgufKeys } from './gguf-keys.ts';
import type { EmbeddingConfig, ModelConfig } from './types.ts';

/** GGUF's numbers of the ways to make one vector of a text's, 0 for none. @see llama.cpp include/llama.h, `llama_pooling_type` */
const POOLING: readonly (EmbeddingConfig['pooling'] | undefined)[] = [undefined, 'mean', 'cls', 'last'];

/** What plain encoders are pooled by where nothing says it, as sentence-transformers does. */
export const USUAL_POOLING = 'mean';

/** @throws FormatError for a file whose vectors are no texts' vectors: rerankers give one number for two texts */
export function poolingFromGguf(keys: GgufKeys): EmbeddingConfig['pooling'] {
  const type = keys.get('pooling_type') ?? 0;
  if (typeof type === 'number' && type < POOLING.length) return POOLING[type] ?? USUAL_POOLING;
  throw new FormatError(`GGUF: pooling_type ${String(type)} is not supported (known: 1 mean, 2 first, 3 last token)`);
}

/** Keys of encoders, as llama.cpp's converter writes them. */
export function* embeddingMetadata({ architecture, embedding }: ModelConfig): Generator<[string, TypedMetadata]> {
  if (embedding === undefined) return;
  const { pooling, tokenTypes, dense = [] } = embedding;
  yield [`${architecture}.attention.causal`, { type: 'bool', value: false }];
  yield [`${architecture}.pooling_type`, { type: 'uint32', value: POOLING.indexOf(pooling) }];
  if (tokenTypes) yield ['tokenizer.ggml.token_type_count', { type: 'uint32', value: tokenTypes }];
  for (const { tensor, rows, columns } of dense) {
    const name = tensor.replace(/\.weight$/, '');
    yield [`${architecture}.${name}_feat_in`, { type: 'uint32', value: columns }];
    yield [`${architecture}.${name}_feat_out`, { type: 'uint32', value: rows }];
  }
}
