import type { GgufFile } from '../container/gguf/read.ts';
import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import type { Tokenizer, TypedMetadata } from '../text/types.ts';
import { architectureByName } from './architecture.ts';
import type { Architecture } from './architectures/types.ts';
import { embeddingMetadata } from './embedding.ts';
import { yarnMagnitude, yarnRatio } from './rope-factors.ts';
import { isRoundingKey } from './roundings.ts';
import type { ModelConfig, ModelTensor } from './types.ts';

/** `general.quantization_version` of today's ggml (GGML_QNT_VERSION). */
const quantizationVersion = 2;

/**
 * Model metadata as llama.cpp's converter writes it, in its order, without `general.file_type` (the writer knows it).
 * @see llama.cpp conversion/base.py, `prepare_metadata` and `set_gguf_parameters`
 */
export function metadataFromConfig(
  config: ModelConfig,
  tokenizer: Tokenizer,
  tensors: ReadonlyMap<string, ModelTensor>,
): Map<string, TypedMetadata> {
  const metadata = new Map<string, TypedMetadata>();
  const text = (key: string, value: string): void => void metadata.set(key, { type: 'string', value });
  const uint = (key: string, value: number): void =>
    void metadata.set(`${config.architecture}.${key}`, { type: 'uint32', value });
  const float = (key: string, value: number): void =>
    void metadata.set(`${config.architecture}.${key}`, { type: 'float32', value });
  text('general.architecture', config.architecture);
  text('general.type', 'model');
  text('general.name', config.name ?? 'model');
  text('general.size_label', sizeLabel(tensors));
  const kept = architectureByName(config.architecture, 'model').nextTokens ? (config.nextTokenBlocks ?? 0) : 0;
  uint('block_count', config.layers + kept);
  if (kept > 0) uint('nextn_predict_layers', kept);
  uint('context_length', config.contextLength);
  uint('embedding_length', config.hidden);
  uint('feed_forward_length', config.feedForward);
  uint('attention.head_count', config.heads);
  uint('attention.head_count_kv', config.kvHeads);
  const architecture = architectureByName(config.architecture, 'model');
  if (!architecture.learnedPositions) ropeMetadata(config, text, uint, float);
  for (const [key, value] of windowMetadata(config)) metadata.set(key, value);
  float(`attention.${normKey(architecture)}`, config.normEpsilon);
  for (const [key, value] of embeddingMetadata(config)) metadata.set(key, value);
  if (config.headDim * config.heads !== config.hidden) {
    uint('attention.key_length', config.headDim);
    uint('attention.value_length', config.headDim);
  }
  for (const [key, value] of architecture.metadata?.(config) ?? [])
    metadata.set(`${config.architecture}.${key}`, value);
  uint('vocab_size', config.vocabulary);
  if (!architecture.learnedPositions) uint('rope.dimension_count', config.rope.dimensions);
  metadata.set('general.quantization_version', { type: 'uint32', value: quantizationVersion });
  for (const [key, value] of tokenizer.toGguf(config.vocabulary)) metadata.set(key, value);
  return metadata;
}

/** The key of norms' epsilon, behind `attention.`. */
export function normKey({ layerNorm = false }: Pick<Architecture, 'layerNorm'>): string {
  return layerNorm ? 'layer_norm_epsilon' : 'layer_norm_rms_epsilon';
}

/** llama.cpp ignores both keys for the llama family; readers that know windows need them. */
function windowMetadata({ architecture, window }: ModelConfig): [string, TypedMetadata][] {
  if (window === undefined) return [];
  const key = `${architecture}.attention.sliding_window`;
  const width: [string, TypedMetadata] = [key, { type: 'uint32', value: window.tokens }];
  if (window.layers.every(Boolean)) return [width];
  return [width, [`${key}_pattern`, { type: 'array:bool', value: window.layers }]];
}

type SetText = (key: string, value: string) => void;
type SetNumber = (key: string, value: number) => void;

function ropeMetadata(config: ModelConfig, text: SetText, uint: SetNumber, float: SetNumber): void {
  const { theta, scaling } = config.rope;
  if (scaling?.type === 'linear' || scaling?.type === 'yarn') {
    text(`${config.architecture}.rope.scaling.type`, scaling.type);
    float('rope.scaling.factor', scaling.factor);
  }
  if (scaling?.type === 'yarn') {
    uint('rope.scaling.original_context_length', scaling.originalContext);
    const { logMultiplier, factor } = scaling;
    if (logMultiplier !== undefined) float('rope.scaling.yarn_log_multiplier', logMultiplier);
    const usual = logMultiplier === undefined ? yarnMagnitude(factor) : yarnRatio(factor, 1, logMultiplier);
    if (scaling.attentionFactor !== undefined && scaling.attentionFactor !== usual) {
      float('rope.scaling.yarn_attn_factor', scaling.attentionFactor);
      // llama.cpp overrides the key above by its formula and multiplies by this one, which the converter does not write.
      float('rope.scaling.attn_factor', scaling.attentionFactor / usual);
    }
    if (scaling.betaFast !== 32) float('rope.scaling.yarn_beta_fast', scaling.betaFast);
    if (scaling.betaSlow !== 1) float('rope.scaling.yarn_beta_slow', scaling.betaSlow);
  }
  if (scaling?.type === 'longrope') {
    uint('rope.scaling.original_context_length', scaling.originalContext);
    float('rope.scaling.attn_factor', scaling.attentionFactor);
  }
  float('rope.freq_base', theta);
}

/** Metadata of a GGUF file, kept as it is but for what describes the old file rather than the model. */
export function metadataFromGguf(file: TensorFile): Map<string, TypedMetadata> {
  const { typedMetadata } = file as Partial<GgufFile>;
  if (!typedMetadata) throw new FormatError('GGUF: the reader gave no value types (typedMetadata)');
  const metadata = new Map<string, TypedMetadata>();
  for (const [key, value] of typedMetadata)
    if (!isRoundingKey(key) && !/^(general\.file_type$|split\.|quantize\.)/.test(key)) metadata.set(key, value);
  metadata.set('general.quantization_version', { type: 'uint32', value: quantizationVersion });
  return metadata;
}

/** Parameters in words, at least two digits: `8.4M`, `135M`, `1.1B`. */
function sizeLabel(tensors: ReadonlyMap<string, ModelTensor>): string {
  let parameters = 0;
  for (const { shape } of tensors.values()) parameters += shape.reduce((product, size) => product * size, 1);
  const [divisor, suffix] =
    parameters > 1e12 ? [1e12, 'T'] : parameters > 1e9 ? [1e9, 'B'] : parameters > 1e6 ? [1e6, 'M'] : [1e3, 'K'];
  const scaled = parameters / (divisor as number);
  return `${scaled.toFixed(scaled < 9.5 ? 1 : 0)}${suffix}`;
}
