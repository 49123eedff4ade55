import { addAbortSignal } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { Model } from '../model/types.ts';
import type { GenerationStats } from '../run/generate.ts';
import { addCacheOptions, type CacheOptions, withCacheOptions } from './support/cache.ts';
import { addExpertOptions, type ExpertOptions, withExpertOptions } from './support/expert-budget.ts';
import { addExamples } from './support/help.ts';
import { interruptSignal } from './support/interrupt.ts';
import { checkContext, MODEL_ARGUMENT, openModelArgument, requireDecoder } from './support/model.ts';
import { addOutputOptions, addThreadsOption, decimal, type OutputOptions, wholeNumber } from './support/options.ts';
import { printJson } from './support/output.ts';

interface RunOptions extends OutputOptions, CacheOptions, ExpertOptions {
  readonly prompt?: string;
  readonly maxTokens: number;
  readonly chat?: boolean;
  readonly system?: string;
  readonly context?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repeatPenalty?: number;
  readonly seed: number;
  readonly threads: number;
}

export function register(program: Command): void {
  const command = program
    .command('run')
    .description('continue a prompt, or answer it with --chat; the text streams to stdout')
    .argument('<model>', MODEL_ARGUMENT)
    .optionsGroup('Text:')
    .option('-p, --prompt <text>', 'what to continue; default: standard input')
    .option('-n, --max-tokens <n>', 'most tokens to generate', wholeNumber(1), 128)
    .option('--chat', "put the prompt into the model's chat template")
    .option('--system <text>', 'system message, with --chat')
    .option('-c, --context <tokens>', 'context length, default at most 4096', wholeNumber(1))
    .optionsGroup('Choice of tokens:')
    .option('--temp, --temperature <x>', '0 takes the most probable token; default 0.8', decimal(0))
    .option('--top-k <n>', 'keep the k most probable tokens; default 40, 0 keeps all', wholeNumber(0))
    .option('--top-p <x>', 'keep tokens up to this probability together; default 0.95', decimal(0, 1))
    .option('--min-p <x>', 'drop tokens below this share of the best; default 0.05', decimal(0, 1))
    .option('--repeat-penalty <x>', 'penalty of recent tokens; default 1, which is none', decimal(1))
    .option('--seed <n>', 'seed of the sampler', wholeNumber(0), 0);
  command.optionsGroup('How the model runs:');
  addExpertOptions(addCacheOptions(command));
  addExamples(command, [
    ['run model-4.5bpw.gguf -p "Once upon a time"', 'continue a text'],
    ['run model-4.5bpw.gguf --chat -p "Hello" --temp 0', 'answer, always the same'],
  ]);
  addOutputOptions(addThreadsOption(command)).action(runModel);
}

async function runModel(name: string, options: RunOptions): Promise<void> {
  if (options.system !== undefined && !options.chat)
    throw new UsageError('--system is part of a chat; give --chat too');
  const prompt = await readPrompt(options);
  const { createWasmKernels } = await import('../kernels/wasm/index.ts');
  const { createSession } = await import('../run/session.ts');
  const { generate } = await import('../run/generate.ts');
  const opened = withCacheOptions(await openModelArgument(name, options, 'run'), options);
  const model = await withExpertOptions(opened, options);
  checkContext(model, options.context);
  requireDecoder(name, model);
  const kernels = await createWasmKernels({ threads: options.threads });
  try {
    const tokens = await encodePrompt(model, prompt, options);
    const session = await createSession(kernels.device, model, { contextLength: options.context });
    const pieces = generate(session, model.tokenizer, tokens, { ...options, signal: interruptSignal() });
    const { text, stats } = await stream(pieces, options.json ? undefined : process.stdout);
    session.close();
    if (options.json) printJson({ prompt, text, ...stats });
    if (!options.quiet) console.error(describe(stats));
    interruptSignal().throwIfAborted();
  } finally {
    kernels.close();
    await model.close();
  }
}

async function readPrompt({ prompt }: RunOptions): Promise<string> {
  if (prompt !== undefined) return prompt;
  if (process.stdin.isTTY) throw new UsageError('nothing to continue: give -p "text", or text on standard input');
  return readAll(addAbortSignal(interruptSignal(), process.stdin));
}

async function encodePrompt(
  { tokenizer }: Model,
  prompt: string,
  { chat, system }: RunOptions,
): Promise<ArrayLike<number>> {
  if (!chat) return tokenizer.encode(prompt, { special: 'start' });
  const { encodeChat } = await import('../text/chat.ts');
  return encodeChat(tokenizer, [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
  ]);
}

/** Writes pieces as they come and returns all of it. */
async function stream(
  pieces: AsyncGenerator<string, GenerationStats>,
  out: NodeJS.WritableStream | undefined,
): Promise<{ text: string; stats: GenerationStats }> {
  let text = '';
  for (let next = await pieces.next(); ; next = await pieces.next()) {
    if (next.done) {
      out?.write('\n');
      return { text, stats: next.value };
    }
    text += next.value;
    out?.write(next.value);
  }
}

function describe(stats: GenerationStats): string {
  const prompt = `prompt ${stats.promptTokens} tokens, ${stats.promptTokensPerSecond.toFixed(1)}/s`;
  return `${prompt}; generated ${stats.generatedTokens}, ${stats.decodeTokensPerSecond.toFixed(1)}/s (${stats.finish})`;
}
