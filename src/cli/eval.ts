import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import type { Estimate, Evaluation } from '../evaluate/types.ts';
import { withActivationBits } from '../model/activation-bits.ts';
import { referenceName } from '../model/source.ts';
import type { Model } from '../model/types.ts';
import { checkOutputs, makeFolders } from '../pipeline/preflight/outputs.node.ts';
import { klWords } from '../report/scale.ts';
import { activationBits } from './support/activations.ts';
import { addCacheOptions, type CacheOptions, withCacheOptions } from './support/cache.ts';
import { addExpertOptions, type ExpertOptions, withExpertOptions } from './support/expert-budget.ts';
import { addExamples, GROUP } from './support/help.ts';
import { checkContext, MODEL_ARGUMENT, openModelArgument, requireDecoder } from './support/model.ts';
import {
  addOutputOptions,
  addOverwriteOption,
  addThreadsOption,
  type OutputOptions,
  wholeNumber,
} from './support/options.ts';
import { printResult } from './support/output.ts';
import { putTasks, readTaskFiles, taskLines } from './support/tasks.ts';
import { addEvaluationOptions, checkTexts, type EvaluationOptions } from './support/texts.ts';
import { formatKl, formatKlEstimate } from './support/words.ts';
import { withProgress } from './support/work.ts';

interface EvalCommandOptions extends OutputOptions, EvaluationOptions, CacheOptions, ExpertOptions {
  readonly reference?: string;
  readonly base?: string;
  readonly saveBase?: string;
  readonly tasks?: readonly string[];
  readonly pairs?: string;
  readonly context?: number;
  readonly threads: number;
  readonly yes?: boolean;
  readonly activationBits?: number;
}

export function register(program: Command): void {
  const command = program
    .command('eval')
    .description('compare a model with its original: KL divergence, perplexity, top-1 agreement')
    .argument('<model>', MODEL_ARGUMENT)
    .optionsGroup('Compared with (one of):')
    .option('--reference <model>', 'the original')
    .option('--base <file>', 'the original’s logits, as llama-perplexity --kl-divergence-base writes them')
    .option('--save-base <file>', 'write <model>’s own logits in that form instead, for llama-perplexity or --base')
    .optionsGroup(GROUP.text)
    .option(
      '--tasks <files...>',
      'questions with a right answer, .jsonl: as bitbudget reads them, or as lm-evaluation-harness logs them (docs/guide/tasks.md)',
    )
    .option(
      '--pairs <file>',
      'of encoders: queries and the texts that they belong to, a line each: {"query": …, "text": …} or two columns; default parts of the text',
    )
    .option(
      '-c, --context <n>',
      'tokens per window, of which the second half is scored; default 512 or the model’s',
      wholeNumber(4),
    );
  addEvaluationOptions(command);
  command.optionsGroup('How the model runs:');
  addExpertOptions(addCacheOptions(command));
  command.option(
    '--activation-bits <n>',
    'round the inputs of all matrices; default what the file asks for',
    activationBits,
  );
  addThreadsOption(addOverwriteOption(command));
  addExamples(command, [
    ['eval model-4.5bpw.gguf --reference model/', 'what the file lost'],
    ['eval other.gguf --reference model/ --evaluation my.txt', 'on your own text'],
    ['eval other.gguf --reference model/ --tasks questions.jsonl', 'by questions with a right answer'],
  ]);
  addOutputOptions(command).action(evaluate);
}

async function evaluate(modelName: string, options: EvalCommandOptions): Promise<void> {
  const { reference, base, saveBase } = options;
  const sources = [reference, base, saveBase].filter((value) => value !== undefined).length;
  if (sources > 1 || (sources === 0 && options.tasks === undefined))
    throw new UsageError('eval: give exactly one of --reference, --base and --save-base, or --tasks');
  if (options.tasks !== undefined && (base ?? saveBase) !== undefined)
    throw new UsageError('--tasks are asked of models; leave --base and --save-base out, or give --reference');
  if (saveBase !== undefined) await checkOutputs([saveBase], options.yes);
  const asked = options.tasks && (await readTaskFiles(options.tasks));
  const cached = withCacheOptions(await openModelArgument(modelName, options, 'run'), options);
  const opened = await withExpertOptions(cached, options);
  const model = withActivationBits(opened, options.activationBits);
  checkContext(model, options.context);
  const original = reference === undefined ? undefined : await openModelArgument(reference, options);
  if (base !== undefined || saveBase !== undefined || asked !== undefined) requireDecoder(modelName, model);
  const tasks = asked && (await putTasks(model, original, asked, options));
  if (sources === 0) {
    await model.close();
    return printResult(options, { tasks }, () => taskLines(tasks!));
  }
  if (base === undefined) await checkTexts(model, options, options.context);
  if (saveBase !== undefined) await makeFolders([saveBase]);
  const pairs = options.pairs === undefined ? undefined : await pairsFile(options.pairs, modelName, model);
  const { nodeHost } = await import('../pipeline/host/node.ts');
  const { evaluateFiles } = await import('../pipeline/evaluate.ts');
  const evaluation = await withProgress(options, (work) =>
    evaluateFiles(nodeHost, model, {
      ...work,
      original,
      base,
      saveBase,
      threads: options.threads,
      context: options.context,
      text: { files: options.evaluation, tokens: options.evaluationTokens },
      pairs,
    }),
  );
  if (evaluation === undefined) printResult(options, { output: saveBase }, () => [saveBase!]);
  else
    printResult(options, { ...evaluation, tasks }, () => [
      ...evaluationLines(evaluation, original ? referenceName(original) : 'original'),
      ...(tasks ? ['', ...taskLines(tasks)] : []),
    ]);
}

const share = ({ mean, standardError }: Estimate): string => `${mean.toFixed(3)} ± ${standardError.toFixed(3)}`;

async function pairsFile(path: string, name: string, { config }: Model): Promise<{ name: string; text: string }> {
  if (config.embedding === undefined)
    throw new UsageError(`--pairs are for encoders, and ${name} gives next tokens; leave them out`);
  const { loadText } = await import('../text/load.node.ts');
  return { name: path, text: (await loadText([path])).text };
}

/** @param name what the reference is called */
function evaluationLines(
  { tokens, kl, klQuantiles, perplexity, referencePerplexity, topAgreement, recall }: Evaluation,
  name: string,
): string[] {
  const { median, p90, p99, max } = klQuantiles;
  if (!perplexity || !referencePerplexity || !topAgreement)
    return [
      `texts        ${tokens}`,
      `1 − cosine   mean ${formatKlEstimate(kl)}, median ${formatKl(median)}, 90 % ${formatKl(p90)}, max ${formatKl(max)}`,
      ...(recall
        ? [`recall@1     ${share(recall.model)}, ${name} ${share(recall.reference)}, of ${recall.pairs} pairs`]
        : []),
    ];
  return [
    `tokens     ${tokens} scored`,
    `mean KL    ${formatKlEstimate(kl)} nats per token: ${klWords(kl.mean)}`,
    `KL         median ${formatKl(median)}, 90 % ${formatKl(p90)}, 99 % ${formatKl(p99)}, max ${formatKl(max)}`,
    `perplexity ${perplexity.mean.toFixed(4)} ± ${perplexity.standardError.toFixed(4)}, ${name} ${referencePerplexity.mean.toFixed(4)}`,
    `top token  agrees on ${(100 * topAgreement.mean).toFixed(2)} ± ${(100 * topAgreement.standardError).toFixed(2)} %`,
  ];
}
