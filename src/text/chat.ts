import { BitbudgetError, FormatError } from '../core/errors.ts';
import { renderTemplate } from './jinja/template.ts';
import type { Tokenizer } from './types.ts';

/** One message of a conversation. Templates may read further fields (`tool_calls`, `name`). */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, or what else the template knows. */
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

export interface ChatOptions {
  /** Whether the text ends with the opening of the assistant's turn; default true. */
  readonly addGenerationPrompt?: boolean;
  /** Text of the BOS and EOS tokens, which some templates write themselves; default empty. */
  readonly bosToken?: string;
  readonly eosToken?: string;
  /** Further variables of the template, such as `tools` or `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/**
 * The prompt of a conversation by the model's Jinja template. Encode it with `parseSpecial`.
 * @param chatTemplate `Tokenizer.chatTemplate`
 * @throws BitbudgetError when the model has no template, FormatError when the template fails or rejects the messages
 */
export function renderChat(
  chatTemplate: string | undefined,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): string {
  if (chatTemplate === undefined) {
    throw new BitbudgetError(
      'chat template: the model has none, expected one in its tokenizer; it is a base model, give it plain text to continue',
    );
  }
  try {
    return renderTemplate(chatTemplate, {
      ...options.variables,
      messages,
      add_generation_prompt: options.addGenerationPrompt ?? true,
      bos_token: options.bosToken ?? '',
      eos_token: options.eosToken ?? '',
    });
  } catch (error) {
    throw new FormatError(
      `chat template: ${(error as Error).message}; the template cannot be rendered with these messages`,
    );
  }
}

/** How a conversation becomes ids. */
export interface EncodeChatOptions extends Omit<ChatOptions, 'bosToken' | 'eosToken'> {
  /** Default the model's own. */
  readonly template?: string;
}

/**
 * Ids of a conversation by the model's template, with BOS at the start where the model wants one and the template
 * writes none.
 * @throws as `renderChat`
 */
export function encodeChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  { template = tokenizer.chatTemplate, ...options }: EncodeChatOptions = {},
): ArrayLike<number> {
  const tokenText = (id?: number): string =>
    id === undefined ? '' : new TextDecoder().decode(tokenizer.tokenBytes(id));
  const rendered = renderChat(template, messages, {
    ...options,
    bosToken: tokenText(tokenizer.bos),
    eosToken: tokenText(tokenizer.eos),
  });
  const ids = tokenizer.encode(rendered, { parseSpecial: true });
  const needsBos = tokenizer.addBos && tokenizer.bos !== undefined && ids[0] !== tokenizer.bos;
  return needsBos ? [tokenizer.bos!, ...ids] : ids;
}
