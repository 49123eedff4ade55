import type { MetadataValue, TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { architectureByName } from './architecture.ts';
import { attentionLayers, feedForwardLayers } from './architectures/biases.ts';
import type { Architecture } from './architectures/types.ts';
import { ggufKeys, lastInteger, readInteger, readNumber } from './gguf-keys.ts';
import { normKey } from './metadata.ts';
import { yarnMagnitude, yarnRatio } from './rope-factors.ts';
import type { RopeFactors } from './rope-tensors.ts';
import type { AttentionWindow, ModelConfig, RopeConfig } from './types.ts';
import { windowWithin } from './window.ts';

/**
 * Hyper-parameters from GGUF metadata, with llama.cpp's defaults for what is absent.
 * @param factors divisors of RoPE's frequencies that the file has
 * @throws FormatError for unknown architectures, missing keys and features that the executor does not have
 */
export function configFromGguf(file: TensorFile, factors: RopeFactors = {}): ModelConfig {
  const metadata = file.metadata;
  const name = metadata.get('general.architecture');
  if (typeof name !== 'string') throw new FormatError('GGUF: general.architecture is missing');
  const architecture = architectureByName(name, 'GGUF');
  const integer = (key: string, fallback?: number): number => readInteger(metadata, `${name}.${key}`, fallback);
  /** A size that may differ between blocks: the last one's. */
  const size = architecture.sizesByBlock ? (key: string) => lastInteger(metadata, `${name}.${key}`) : integer;
  const hidden = integer('embedding_length');
  const heads = integer('attention.head_count');
  const headDim = integer('attention.key_length', hidden / heads);
  const contextLength = integer('context_length');
  if (!architecture.latentKeys && integer('attention.value_length', headDim) !== headDim) {
    throw new FormatError(`GGUF: ${name}.attention.value_length differs from key_length ${headDim}; not supported`);
  }
  const nextTokenBlocks = Number(metadata.get(`${name}.nextn_predict_layers`) ?? 0);
  const layers = integer('block_count') - nextTokenBlocks;
  if (!(layers > 0)) throw new FormatError(`GGUF: all ${integer('block_count')} blocks predict further tokens`);
  const embedding = file.tensors.get('token_embd.weight');
  if (!embedding) throw new FormatError('GGUF: token_embd.weight is missing');
  const title = metadata.get('general.name');
  const config: ModelConfig = {
    architecture: name,
    ...(typeof title === 'string' ? { name: title } : {}),
    layers,
    ...(nextTokenBlocks > 0 ? { nextTokenBlocks } : {}),
    hidden,
    feedForward: size('feed_forward_length', Number(metadata.get(`${name}.expert_feed_forward_length`))),
    heads,
    kvHeads: size('attention.head_count_kv', heads),
    headDim,
    vocabulary: embedding.shape[0],
    contextLength,
    normEpsilon: readNumber(metadata, `${name}.attention.${normKey(architecture)}`),
    rope: readRope(metadata, architecture, { headDim, contextLength, factors }),
    tied: !file.tensors.has('output.weight'),
    ...biases(file, architecture),
    ...windowWithin(readWindow(metadata, name, layers), contextLength),
  };
  const whole = { ...config, ...architecture.readGguf?.(ggufKeys(metadata, name), config, file.tensors) };
  rejectUnsupported(metadata, whole);
  return whole;
}

type Metadata = ReadonlyMap<string, MetadataValue>;

function rejectUnsupported(metadata: Metadata, { experts, architecture }: ModelConfig): void {
  const count = metadata.get(`${architecture}.expert_count`);
  if (experts === undefined && typeof count === 'number' && count > 0) {
    throw new FormatError(`GGUF: ${architecture}.expert_count is ${count}; ${architecture} is known without experts`);
  }
}

/** Biases that the architecture does not ask for: the tensors themselves tell. */
function biases({ tensors }: TensorFile, { huggingFace }: Architecture): Pick<ModelConfig, 'biases'> {
  if (!huggingFace.some(({ biasFields }) => biasFields !== undefined)) return {};
  const all = [...attentionLayers, ...feedForwardLayers];
  const isFused = tensors.has('blk.0.attn_qkv.bias');
  const layers = all.filter((name) => tensors.has(`blk.0.${name}.bias`) || (isFused && /^attn_[qkv]$/.test(name)));
  return layers.length > 0 ? { biases: layers } : {};
}

/** All blocks slide, or those that `sliding_window_pattern` names; a window of 0 is none. */
function readWindow(metadata: Metadata, name: string, layers: number): AttentionWindow | undefined {
  const tokens = metadata.get(`${name}.attention.sliding_window`);
  const pattern = metadata.get(`${name}.attention.sliding_window_pattern`);
  if (typeof tokens !== 'number' || !(tokens > 0)) return undefined;
  const slides = Array.from({ length: layers }, (_, layer) => !Array.isArray(pattern) || pattern[layer] === true);
  return slides.includes(true) ? { tokens, layers: slides } : undefined;
}

function readRope(
  metadata: Metadata,
  architecture: Architecture,
  { headDim, contextLength, factors }: { headDim: number; contextLength: number; factors: RopeFactors },
): RopeConfig {
  const name = architecture.name;
  const dimensions = readInteger(metadata, `${name}.rope.dimension_count`, headDim);
  if (dimensions > headDim || (dimensions < headDim && dimensions % 2 !== 0)) {
    throw new FormatError(
      `GGUF: ${name}.rope.dimension_count is ${dimensions}, expected an even number up to the head size ${headDim}`,
    );
  }
  const rope: RopeConfig = {
    theta: readNumber(metadata, `${name}.rope.freq_base`, architecture.ropeBase ?? 10000),
    dimensions,
    style: architecture.ropeStyle,
  };
  const { frequencies, long, short } = factors;
  if (frequencies && architecture.ropeFactors === 'frequencies') rope.frequencyFactors = frequencies;
  if (long && short && architecture.ropeFactors === 'longAndShort')
    rope.scaling = {
      type: 'longrope',
      ...{ long: Array.from(long), short: Array.from(short) },
      originalContext: readInteger(metadata, `${name}.rope.scaling.original_context_length`, contextLength),
      attentionFactor: readNumber(metadata, `${name}.rope.scaling.attn_factor`, 1),
    };
  else rope.scaling = readScaling(metadata, architecture, contextLength);
  return rope;
}

function readScaling(metadata: Metadata, architecture: Architecture, contextLength: number): RopeConfig['scaling'] {
  const prefix = `${architecture.name}.rope`;
  const number = (key: string, fallback: number): number => readNumber(metadata, `${prefix}.${key}`, fallback);
  const type = metadata.get(`${prefix}.scaling.type`) ?? 'linear';
  // The old key of linear scaling is the fallback, as in llama.cpp.
  const factor = number('scaling.factor', number('scale_linear', 1));
  if (type === 'none' || (type === 'linear' && factor === 1)) return undefined;
  if (type === 'linear') return { type, factor };
  if (type !== 'yarn')
    throw new FormatError(`GGUF: rope scaling ${String(type)} is not supported (known: none, linear, yarn)`);
  const given = metadata.get(`${prefix}.scaling.attn_factor`);
  const multiplier = metadata.get(`${prefix}.scaling.yarn_log_multiplier`);
  const logMultiplier = architecture.yarnMultiplier && typeof multiplier === 'number' ? multiplier : undefined;
  const usual = logMultiplier === undefined ? yarnMagnitude(factor) : yarnRatio(factor, 1, logMultiplier);
  return {
    type,
    factor,
    originalContext: readInteger(metadata, `${prefix}.scaling.original_context_length`, contextLength),
    // llama.cpp multiplies its own formula by this key; it reads yarn_attn_factor but overrides it.
    attentionFactor: typeof given === 'number' ? given * usual : logMultiplier && usual,
    ...(logMultiplier && { logMultiplier }),
    betaFast: number('scaling.yarn_beta_fast', 32),
    betaSlow: number('scaling.yarn_beta_slow', 1),
  };
}
