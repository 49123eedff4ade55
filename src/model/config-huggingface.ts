import { FormatError } from '../core/errors.ts';
import { type Architecture, architectureByHuggingFaceName } from './architecture.ts';
import { llama3Factors, yarnMagnitude } from './rope-factors.ts';
import type { ModelConfig, RopeConfig } from './types.ts';

type Json = Record<string, unknown>;

/**
 * Hyper-parameters from a Hugging Face config.json, in its old layout (`rope_theta`, `rope_scaling`) and the new one
 * (`rope_parameters`). Real numbers are rounded to float32, as a GGUF file would keep them.
 * @param json the parsed file
 * @param hasHead whether the checkpoint has `lm_head.weight`; decides when the file does not say `tie_word_embeddings`
 * @throws FormatError for unknown architectures and features that the llama family's executor does not have
 */
export function configFromHuggingFace(json: unknown, hasHead: boolean, subject = 'config.json'): ModelConfig {
  const config = asObject(json, subject);
  const names = Array.isArray(config.architectures) ? config.architectures.map(String) : [];
  const architecture = architectureByHuggingFaceName(names, subject);
  const integer = (key: string, fallback?: number): number => readInteger(config, key, subject, fallback);
  rejectUnsupported(config, subject);
  const hidden = integer('hidden_size');
  const heads = integer('num_attention_heads');
  const headDim = integer('head_dim', hidden / heads);
  const contextLength = integer('max_position_embeddings');
  rejectSlidingWindow(config, contextLength, subject);
  return {
    architecture: architecture.name,
    layers: integer('num_hidden_layers'),
    hidden,
    feedForward: integer('intermediate_size'),
    heads,
    kvHeads: integer('num_key_value_heads', heads),
    headDim,
    vocabulary: integer('vocab_size'),
    contextLength,
    normEpsilon: Math.fround(readNumber(config, 'rms_norm_eps', subject, architecture.defaults.normEpsilon)),
    rope: readRope(config, architecture, headDim, contextLength, subject),
    tied: typeof config.tie_word_embeddings === 'boolean' ? config.tie_word_embeddings : !hasHead,
  };
}

function rejectUnsupported(config: Json, subject: string): void {
  const activation = config.hidden_act ?? 'silu';
  if (activation !== 'silu')
    throw new FormatError(`${subject}: hidden_act ${activation} is not supported (known: silu)`);
  if (config.quantization_config) {
    throw new FormatError(
      `${subject}: the checkpoint is already quantized (quantization_config); give the original one`,
    );
  }
}

function rejectSlidingWindow(config: Json, contextLength: number, subject: string): void {
  const window = config.sliding_window;
  if (typeof window !== 'number' || config.use_sliding_window === false || window >= contextLength) return;
  const types = config.layer_types;
  if (Array.isArray(types) && types.every((type) => type === 'full_attention')) return;
  throw new FormatError(
    `${subject}: sliding_window ${window} is shorter than the context of ${contextLength}; sliding windows are not supported`,
  );
}

function readRope(
  config: Json,
  architecture: Architecture,
  headDim: number,
  context: number,
  subject: string,
): RopeConfig {
  const parameters = asObject(config.rope_parameters ?? config.rope_scaling ?? {}, `${subject}: rope_parameters`);
  const theta = parameters.rope_theta ?? config.rope_theta ?? architecture.defaults.ropeTheta;
  if (typeof theta !== 'number' || !(theta > 0))
    throw new FormatError(`${subject}: rope_theta is ${theta}, expected a positive number`);
  const partial = parameters.partial_rotary_factor ?? config.partial_rotary_factor ?? 1;
  if (partial !== 1)
    throw new FormatError(`${subject}: partial_rotary_factor ${partial} is not supported (expected 1)`);
  const rope: RopeConfig = { theta: Math.fround(theta), dimensions: headDim, style: architecture.ropeStyle };
  rope.scaling = readScaling(parameters, Number(config.original_max_position_embeddings ?? context), subject);
  if (rope.scaling?.type === 'llama3') {
    if (!architecture.ropeFactors)
      throw new FormatError(`${subject}: rope type llama3 is not supported for ${architecture.name}`);
    rope.frequencyFactors = llama3Factors(rope);
  }
  return rope;
}

function readScaling(parameters: Json, context: number, subject: string): RopeConfig['scaling'] {
  const type = String(parameters.rope_type ?? parameters.type ?? 'default').toLowerCase();
  const number = (key: string, fallback?: number): number =>
    Math.fround(readNumber(parameters, key, `${subject}: rope_parameters`, fallback));
  // `dynamic` changes nothing within the context that the model was trained for.
  if (type === 'default' || type === 'dynamic') return undefined;
  if (type === 'linear') return { type, factor: number('factor') };
  const originalContext = number('original_max_position_embeddings', context);
  if (type === 'llama3') {
    return {
      type,
      factor: number('factor', 8),
      lowFrequencyFactor: number('low_freq_factor', 1),
      highFrequencyFactor: number('high_freq_factor', 4),
      originalContext,
    };
  }
  if (type === 'yarn') {
    const factor = number('factor');
    const given = parameters.attention_factor ?? parameters.attn_factor;
    // GGUF keeps the ratio to the usual magnitude as float32.
    const ratio = typeof given === 'number' ? Math.fround(given / yarnMagnitude(factor)) : undefined;
    return {
      type,
      factor,
      originalContext,
      attentionFactor: ratio === undefined ? undefined : ratio * yarnMagnitude(factor),
      betaFast: number('beta_fast', 32),
      betaSlow: number('beta_slow', 1),
    };
  }
  throw new FormatError(
    `${subject}: rope type ${type} is not supported (known: default, linear, dynamic, llama3, yarn)`,
  );
}

function asObject(value: unknown, subject: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new FormatError(`${subject}: expected a JSON object`);
}

function readInteger(config: Json, key: string, subject: string, fallback?: number): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new FormatError(`${subject}: ${key} is ${JSON.stringify(value) ?? 'missing'}, expected a positive integer`);
}

function readNumber(config: Json, key: string, subject: string, fallback?: number): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new FormatError(`${subject}: ${key} is ${JSON.stringify(value) ?? 'missing'}, expected a positive number`);
}
