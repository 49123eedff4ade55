import { FormatError } from '../core/errors.ts';
import { architectureOf, type FoundArchitecture, knownClasses } from './architecture.ts';
import type { ConfigFields } from './architectures/types.ts';
import { asObject, readInteger, readNumber, textFields } from './config-fields.ts';
import { ropeFromHuggingFace } from './rope-huggingface.ts';
import type { ModelConfig } from './types.ts';
import { windowWithin } from './window.ts';

/** What the tensors of a checkpoint say that its config.json may leave open. */
export interface CheckpointFacts {
  /** Whether there is an `lm_head.weight`; decides when config.json does not say `tie_word_embeddings`. */
  readonly hasHead: boolean;
  /** Blocks that predict further tokens and stand apart from the others, where there are any; default 0. */
  readonly nextTokenBlocks?: number;
}

const NORM_EPSILON = 1e-6;

/**
 * Hyper-parameters from a Hugging Face config.json as Transformers reads it: a nested `text_config`, the old layout
 * (`rope_theta`, `rope_scaling`) and the new one (`rope_parameters`), its classes' defaults for what is absent. Real
 * numbers are rounded to float32, as a GGUF file would keep them.
 * @param json the parsed file
 * @throws FormatError for unknown architectures and features that the llama family's executor does not have
 */
export function configFromHuggingFace(
  json: unknown,
  { hasHead, nextTokenBlocks: apart = 0 }: CheckpointFacts,
  subject = 'config.json',
): ModelConfig {
  const { fields, found } = textModel(asObject(json, subject), subject);
  const { architecture, hfClass } = found;
  const { defaults } = hfClass;
  const integer = (key: string, fallback?: number): number => readInteger(fields, key, subject, fallback);
  rejectUnsupported(fields, found, subject);
  const hidden = integer('hidden_size');
  const heads = integer('num_attention_heads');
  const layers = integer('num_hidden_layers');
  const nextTokenBlocks = architecture.nextTokens ? apart : Number(fields['num_nextn_predict_layers'] ?? 0);
  const headDim = integer('head_dim', defaults.headDim ?? hidden / heads);
  const contextLength = integer('max_position_embeddings', defaults.contextLength);
  // Null means one key-value head per head, absence the class's own number.
  const kvHeads = fields['num_key_value_heads'] === undefined ? defaults.kvHeads : undefined;
  const tied = fields['tie_word_embeddings'];
  const config: ModelConfig = {
    architecture: architecture.name,
    layers,
    ...(nextTokenBlocks > 0 ? { nextTokenBlocks } : {}),
    hidden,
    feedForward: integer('intermediate_size', defaults.feedForward),
    heads,
    kvHeads: integer('num_key_value_heads', kvHeads ?? heads),
    headDim,
    vocabulary: integer('vocab_size'),
    contextLength,
    normEpsilon: Math.fround(readNumber(fields, 'rms_norm_eps', subject, defaults.normEpsilon ?? NORM_EPSILON)),
    rope: ropeFromHuggingFace(
      fields,
      architecture,
      {
        ...{ headDim, context: contextLength, base: defaults.ropeBase, partial: defaults.ropePartial },
        hasSliding: architecture.slidesInLlamaCpp === true,
      },
      subject,
    ),
    tied: typeof tied === 'boolean' ? tied : !hasHead,
    ...biases(fields, found),
    ...windowWithin(hfClass.window?.(fields, layers), contextLength),
  };
  return { ...config, ...hfClass.read?.(fields, config, subject) };
}

/** The architecture of a config.json. @throws FormatError when it is unknown, with the known ones */
export function architectureOfConfig(json: unknown, subject = 'config.json'): FoundArchitecture['architecture'] {
  return textModel(asObject(json, subject), subject).found.architecture;
}

/** Called before anything else is opened. @throws FormatError when the architecture is unknown, with the known ones */
export function requireKnownArchitecture(json: object, subject: string): void {
  textModel(asObject(json, subject), subject);
}

/** The fields that describe a language model, which may stand inside those of a larger one, and its architecture. */
function textModel(config: ConfigFields, subject: string): { fields: ConfigFields; found: FoundArchitecture } {
  const outer = architectureOf(config);
  const inner = textFields(config);
  if (outer) return canonical({ ...inner, ...config }, outer);
  const found = inner && architectureOf(inner);
  if (inner && found) return canonical({ ...config, ...inner }, found);
  const { architectures: names, model_type: type } = config;
  const named = Array.isArray(names) && names.length > 0 ? names.join(', ') : String(type ?? '(none named)');
  throw new FormatError(`${subject}: architecture ${named} is not supported (known: ${knownClasses()})`);
}

function canonical(fields: ConfigFields, found: FoundArchitecture): { fields: ConfigFields; found: FoundArchitecture } {
  return { fields: { ...fields, ...found.hfClass.canonical?.(fields) }, found };
}

function biases(fields: ConfigFields, { hfClass }: FoundArchitecture): Pick<ModelConfig, 'biases'> {
  const layers = Object.entries(hfClass.biasFields ?? {}).flatMap(([field, own]) =>
    fields[field] === true ? own : [],
  );
  return layers.length > 0 ? { biases: layers } : {};
}

/** Names of x·σ(x) among Transformers' activations. */
const SILU = ['silu', 'swish'];

function rejectUnsupported(fields: ConfigFields, { architecture, hfClass }: FoundArchitecture, subject: string): void {
  const known = hfClass.activations ?? SILU;
  const activation = String(fields['hidden_activation'] ?? fields['hidden_act'] ?? known[0]);
  if (!known.includes(activation))
    throw new FormatError(`${subject}: hidden_act ${activation} is not supported (known: ${known.join(', ')})`);
  if (fields['attention_bias'] === true && hfClass.biasFields?.['attention_bias'] === undefined)
    throw new FormatError(`${subject}: attention_bias is not supported for ${architecture.name}`);
}
