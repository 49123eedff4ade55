import { FormatError } from '../core/errors.ts';
import type { Architecture, ConfigFields } from './architectures/types.ts';
import { asObject, readNumber } from './config-fields.ts';
import { llama3Factors, longRopeMagnitude, yarnMagnitude, yarnRatio } from './rope-factors.ts';
import type { RopeConfig } from './types.ts';

/** Base where neither fields nor class say. */
const THETA = 10000;

interface RopeFacts {
  readonly headDim: number;
  readonly context: number;
  /** Base where the fields do not say. */
  readonly base?: number;
  /** Share of a head's dimensions that are rotated, where the fields do not say; default all. */
  readonly partial?: number;
  /** Whether blocks that slide have a RoPE of their own, see `slidingRope`. */
  readonly hasSliding?: boolean;
}

/** RoPE of a config.json, in its old layout (`rope_theta`, `rope_scaling`) and the new one (`rope_parameters`). */
export function ropeFromHuggingFace(
  fields: ConfigFields,
  architecture: Architecture,
  { headDim, context, base = THETA, partial = 1, hasSliding = false }: RopeFacts,
  subject: string,
): RopeConfig {
  const parameters = ropeParameters(fields, hasSliding, `${subject}: rope_parameters`);
  const theta = parameters['rope_theta'] ?? fields['rope_theta'] ?? base;
  if (typeof theta !== 'number' || !(theta > 0 && Number.isFinite(theta)))
    throw new FormatError(`${subject}: rope_theta is ${theta}, expected a positive number`);
  const share = parameters['partial_rotary_factor'] ?? fields['partial_rotary_factor'] ?? partial;
  const dimensions = Math.floor(headDim * Number(share));
  if (!(dimensions > 0 && dimensions <= headDim && dimensions % 2 === 0))
    throw new FormatError(
      `${subject}: partial_rotary_factor is ${share}, expected an even number of the ${headDim} dimensions of a head`,
    );
  const rope: RopeConfig = { theta: Math.fround(theta), dimensions, style: architecture.ropeStyle };
  const original = fields['original_max_position_embeddings'] as number | undefined;
  if (isLongRope(parameters) && architecture.ropeFactors !== 'longAndShort')
    throw new FormatError(`${subject}: rope type longrope is not supported for ${architecture.name}`);
  rope.scaling = readScaling(parameters, { context, original, pairs: dimensions / 2 }, subject);
  if (rope.scaling?.type === 'llama3') {
    if (architecture.ropeFactors !== 'frequencies')
      throw new FormatError(`${subject}: rope type llama3 is not supported for ${architecture.name}`);
    rope.frequencyFactors = llama3Factors(rope);
  }
  return rope;
}

/** RoPE of blocks that slide: parameters of their own (`sliding_attention`), or `rope_local_base_freq` and no scaling. */
export function slidingRope(
  fields: ConfigFields,
  { ropeStyle }: Pick<Architecture, 'ropeStyle'>,
  { headDim, base }: { readonly headDim: number; readonly base: number },
  subject: string,
): RopeConfig {
  const all = asObject(fields['rope_parameters'] ?? {}, `${subject}: rope_parameters`);
  const own = asObject(all['sliding_attention'] ?? {}, `${subject}: rope_parameters.sliding_attention`);
  const theta = readNumber({ theta: own['rope_theta'] ?? fields['rope_local_base_freq'] }, 'theta', subject, base);
  return { theta: Math.fround(theta), dimensions: headDim, style: ropeStyle };
}

/** The parameters themselves, or those of one kind of layers (`{"full_attention": {…}}`). */
function ropeParameters(fields: ConfigFields, hasSliding: boolean, subject: string): ConfigFields {
  const parameters = asObject(fields['rope_parameters'] ?? fields['rope_scaling'] ?? {}, subject);
  const kinds = Object.entries(parameters).filter(([kind]) => kind.endsWith('_attention'));
  if (kinds.length === 0) return parameters;
  if (hasSliding && parameters['full_attention'] !== undefined)
    return asObject(parameters['full_attention'], `${subject}: full_attention`);
  const [[, first], ...others] = kinds;
  const differing = others.find(([, other]) => JSON.stringify(other) !== JSON.stringify(first));
  if (differing !== undefined)
    throw new FormatError(`${subject}: ${kinds[0][0]} and ${differing[0]} differ, which is not supported`);
  return asObject(first, `${subject}: ${kinds[0][0]}`);
}

const typeOf = (parameters: ConfigFields): string =>
  String(parameters['rope_type'] ?? parameters['type'] ?? 'default').toLowerCase();

/** Under its present name, or that of the first checkpoints. */
const isLongRope = (parameters: ConfigFields): boolean => ['longrope', 'su'].includes(typeOf(parameters));

interface ScalingFacts {
  readonly context: number;
  /** Context before it was stretched, where the fields beside the parameters say it. */
  readonly original?: number;
  readonly pairs: number;
}

function readScaling(
  parameters: ConfigFields,
  { context, original = context, pairs }: ScalingFacts,
  subject: string,
): RopeConfig['scaling'] {
  const type = typeOf(parameters);
  const number = (key: string, fallback?: number): number =>
    Math.fround(readNumber(parameters, key, `${subject}: rope_parameters`, fallback));
  // `dynamic` changes nothing within the context that the model was trained for.
  if (type === 'default' || type === 'dynamic') return undefined;
  if (type === 'linear') return { type, factor: number('factor') };
  const originalContext = number('original_max_position_embeddings', original);
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
    const { mscale, mscale_all_dim: all } = parameters;
    const byScales = typeof mscale === 'number' && typeof all === 'number' ? yarnRatio(factor, mscale, all) : undefined;
    const given = parameters['attention_factor'] ?? parameters['attn_factor'] ?? byScales;
    // GGUF keeps the ratio to the usual magnitude as float32.
    const ratio = typeof given === 'number' ? Math.fround(given / yarnMagnitude(factor)) : undefined;
    return {
      type,
      factor,
      originalContext,
      attentionFactor: ratio === undefined ? undefined : ratio * yarnMagnitude(factor),
      betaFast: number('beta_fast', 32),
      betaSlow: number('beta_slow', 1),
      ...(parameters['truncate'] === false ? { unrounded: true } : {}),
    };
  }
  if (isLongRope(parameters)) {
    const factors = (key: string): number[] => readFactors(parameters, key, pairs, subject);
    const factor = readNumber(parameters, 'factor', subject, context / originalContext);
    const given = readNumber(parameters, 'attention_factor', subject, longRopeMagnitude(factor, originalContext));
    const [short, long] = [factors('short_factor'), factors('long_factor')];
    return { type: 'longrope', short, long, originalContext, attentionFactor: Math.fround(given) };
  }
  throw new FormatError(
    `${subject}: rope type ${type} is not supported (known: default, linear, dynamic, llama3, yarn, longrope)`,
  );
}

/** Divisors of the frequencies, one per pair. @throws FormatError */
function readFactors(parameters: ConfigFields, key: string, pairs: number, subject: string): number[] {
  const list = parameters[key];
  if (Array.isArray(list) && list.length === pairs && list.every((each) => typeof each === 'number' && each > 0))
    return list.map(Math.fround);
  const found = Array.isArray(list) ? `${list.length} values` : 'missing';
  throw new FormatError(`${subject}: rope_parameters: ${key} is ${found}, expected ${pairs} positive numbers`);
}
