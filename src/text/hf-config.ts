import type { AddedToken } from './tokenizer-json.ts';
import { record } from './tokenizer-json.ts';
import { type SpecialName, specialNames } from './vocabulary.ts';

/** Parsed files of a Hugging Face folder that tell about its tokens, beside the vocabulary itself. */
export interface HfTokenFiles {
  /** tokenizer_config.json: special tokens, added tokens, chat template. */
  readonly config?: object;
  /** special_tokens_map.json: special tokens that tokenizer_config.json does not name. */
  readonly specialTokensMap?: object;
  /** added_tokens.json: ids by text. */
  readonly addedTokens?: object;
  /** Text of chat_template.jinja. */
  readonly chatTemplate?: string;
  /** chat_template.json, which older folders of text and images have. */
  readonly chatTemplateJson?: object;
  /** config.json of the model: ids of special tokens that tokenizer_config.json does not name. */
  readonly model?: object;
  /** generation_config.json: ids that end generation. */
  readonly generation?: object;
}

/** What those files say together. */
export interface HfTokens {
  /** tokenizer_config.json's fields, over special_tokens_map.json's. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly added: readonly AddedToken[];
  /** Ids of special tokens in config.json, where it names one. */
  readonly ids: Readonly<Partial<Record<SpecialName, number>>>;
  /** Every id that config.json and generation_config.json declare to end generation, in their order. */
  readonly ends: readonly number[];
  readonly chatTemplate?: string;
  /** Whether the model continues text, by the class that config.json names; true where it names none. */
  readonly generates: boolean;
  /** `model_type` of config.json. */
  readonly modelType?: string;
}

/**
 * What a folder's files say of its tokens. Later files yield: tokenizer_config.json counts before
 * special_tokens_map.json, and chat_template.jinja before the configuration's template, as in transformers.
 * @throws FormatError when a file is ill-formed
 */
export function readHfTokens(files: HfTokenFiles): HfTokens {
  const optional = (file: object | undefined, name: string): Record<string, unknown> =>
    file === undefined ? {} : record(file, name);
  const map = optional(files.specialTokensMap, 'special_tokens_map.json');
  const config = { ...map, ...present(optional(files.config, 'tokenizer_config.json')) };
  const model = optional(files.model, 'config.json');
  // Models of text and images keep the language model's settings inside.
  const inner =
    typeof model.text_config === 'object' && model.text_config !== null
      ? record(model.text_config, 'config.json text_config')
      : {};
  const generation = optional(files.generation, 'generation_config.json');
  const json = optional(files.chatTemplateJson, 'chat_template.json');
  return {
    config,
    added: addedTokens(config, optional(files.addedTokens, 'added_tokens.json')),
    ids: idsOf({ ...present(inner), ...present(model) }),
    ends: [...new Set([model, inner, generation].flatMap((source) => idList(source.eos_token_id)))],
    chatTemplate: files.chatTemplate ?? templateOf(config.chat_template) ?? templateOf(json.chat_template),
    generates: generates(model),
    modelType: typeof model.model_type === 'string' ? model.model_type : undefined,
  };
}

function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

/** A field's id, or the ids of its list. */
function idList(field: unknown): number[] {
  const values: readonly unknown[] = Array.isArray(field) ? field : [field];
  return values.filter((id): id is number => typeof id === 'number' && Number.isInteger(id) && id >= 0);
}

function idsOf(model: Readonly<Record<string, unknown>>): Partial<Record<SpecialName, number>> {
  const ids: Partial<Record<SpecialName, number>> = {};
  for (const name of specialNames) {
    const [id] = idList(model[`${name}_token_id`]);
    if (id !== undefined) ids[name] = id;
  }
  return ids;
}

/** Added tokens of tokenizer_config.json and of the older added_tokens.json, by id. */
function addedTokens(
  config: Readonly<Record<string, unknown>>,
  older: Readonly<Record<string, unknown>>,
): AddedToken[] {
  const specials = new Set(specialTexts(config));
  const added = new Map<number, AddedToken>();
  for (const [content, id] of Object.entries(older)) {
    if (typeof id === 'number') added.set(id, { id, content, special: specials.has(content) });
  }
  const decoder = config.added_tokens_decoder;
  if (typeof decoder === 'object' && decoder !== null) {
    for (const [key, entry] of Object.entries(decoder)) {
      const { content, special, lstrip, rstrip } = record(entry, 'tokenizer_config.json added_tokens_decoder');
      const strips = { lstrip: lstrip === true, rstrip: rstrip === true };
      if (typeof content === 'string')
        added.set(Number(key), { id: Number(key), content, special: special === true, ...strips });
    }
  }
  return [...added.values()].sort((a, b) => a.id - b.id);
}

/** Texts of all tokens that the configuration calls special. */
function specialTexts(config: Readonly<Record<string, unknown>>): string[] {
  const more = config.additional_special_tokens ?? config.extra_special_tokens;
  const listed: unknown[] = Array.isArray(more) ? more : Object.values((more as object | undefined) ?? {});
  const named = specialNames.map((name) => config[`${name}_token`]);
  return [...named, ...listed].map(tokenText).filter((text) => text !== undefined);
}

/** The text of a token given as text or as an object. */
export function tokenText(entry: unknown): string | undefined {
  const content = typeof entry === 'object' && entry !== null ? (entry as { content?: unknown }).content : entry;
  return typeof content === 'string' ? content : undefined;
}

/** A template, or the default one of several. */
function templateOf(template: unknown): string | undefined {
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  const named = template.map((entry: unknown) => record(entry, 'tokenizer_config.json chat_template'));
  const chosen = named.find((entry) => entry.name === 'default') ?? named[0];
  return typeof chosen?.template === 'string' ? chosen.template : undefined;
}

/** `LlamaForCausalLM` continues text, `Qwen3Model` is there for its vectors. */
function generates(model: Readonly<Record<string, unknown>>): boolean {
  const classes = Array.isArray(model.architectures) ? model.architectures.map(String) : [];
  return classes.length === 0 || classes.some((name) => /CausalLM|ConditionalGeneration|LMHead|Generation/.test(name));
}
