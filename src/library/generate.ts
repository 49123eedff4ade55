import type { Host } from '../pipeline/host/types.ts';
import { type GenerationStats, generate } from '../run/generate.ts';
import { createSession } from '../run/session.ts';
import { type ChatMessage, encodeChat } from '../text/chat.ts';
import type { Tokenizer } from '../text/types.ts';
import { openSource } from './source.ts';
import type { ChatRequest, RunOptions, Source } from './types.ts';

/** Text as it comes, whole characters at a time; when it ends, what it took. */
export type TextStream = AsyncGenerator<string, GenerationStats>;

/** Continues a prompt. */
export function runOn(host: Host, source: Source, prompt: string, options: RunOptions): TextStream {
  return stream(host, source, (tokenizer) => tokenizer.encode(prompt, { special: 'start' }), options);
}

/** Answers a conversation by the model's template. */
export function chatOn(host: Host, source: Source, messages: readonly ChatMessage[], request: ChatRequest): TextStream {
  const { template, variables, ...options } = request;
  return stream(host, source, (tokenizer) => encodeChat(tokenizer, messages, { template, variables }), options);
}

async function* stream(
  host: Host,
  source: Source,
  encode: (tokenizer: Tokenizer) => ArrayLike<number>,
  { context, threads = host.threads, onProgress, ...options }: RunOptions,
): TextStream {
  const model = await openSource(host, source, 'run', { signal: options.signal, onProgress });
  try {
    const prompt = encode(model.tokenizer);
    const kernels = await host.kernels(threads);
    try {
      const session = await createSession(kernels.device, model, { contextLength: context });
      try {
        return yield* generate(session, model.tokenizer, prompt, options);
      } finally {
        session.close();
      }
    } finally {
      kernels.close();
    }
  } finally {
    await model.close();
  }
}
