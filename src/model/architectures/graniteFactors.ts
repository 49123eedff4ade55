import type { GgufKeys } from '../gguf-keys.ts';
import type { ModelConfig } from '../types.ts';
import type { Architecture, ConfigFields } from './types.ts';

/* Granite's four factors: on embeddings, on what branches add, on scores of attention, and, divided by, on logits. */

const factorOf = (fields: ConfigFields, key: string): number => Math.fround(Number(fields[key] ?? 1));

export function graniteFactors(fields: ConfigFields): Pick<ModelConfig, 'attentionScale' | 'scales'> {
  return {
    attentionScale: factorOf(fields, 'attention_multiplier'),
    scales: {
      embedding: factorOf(fields, 'embedding_multiplier'),
      residual: factorOf(fields, 'residual_multiplier'),
      logits: 1 / factorOf(fields, 'logits_scaling'),
    },
  };
}

/** Absent keys and zeros are factors of 1, but attention's, which then is its usual one. */
export function readGraniteFactors(keys: GgufKeys): Pick<ModelConfig, 'attentionScale' | 'scales'> {
  const factor = (key: string): number => Number(keys.get(key) ?? 0) || 1;
  return {
    attentionScale: Number(keys.get('attention.scale') ?? 0) || undefined,
    scales: {
      embedding: factor('embedding_scale'),
      residual: factor('residual_scale'),
      logits: 1 / factor('logit_scale'),
    },
  };
}

export function* graniteFactorMetadata({
  attentionScale,
  scales,
}: ModelConfig): ReturnType<NonNullable<Architecture['metadata']>> {
  const float = (value: number) => ({ type: 'float32', value }) as const;
  if (attentionScale !== undefined) yield ['attention.scale', float(attentionScale)];
  yield ['embedding_scale', float(scales?.embedding ?? 1)];
  yield ['residual_scale', float(scales?.residual ?? 1)];
  yield ['logit_scale', float(1 / (scales?.logits ?? 1))];
}
