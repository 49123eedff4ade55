import type { Command } from 'commander';
import type { PlanPrediction } from '../../allocate/types.ts';
import { UsageError } from '../../core/errors.ts';
import type { Wishes } from '../../pipeline/plan/wishes.ts';
import type { ResourceName } from '../../pipeline/resources/table.ts';
import { GROUP } from './help.ts';
import { decimal, wholeNumber } from './options.ts';
import { describeBytes } from './output.ts';
import { formatCount, formatSize, parseCount, parseDuration, parseSize } from './size.ts';

/** How a budget is asked for and how a plan's share of it is told: a further resource's budget is one more entry. */
interface BudgetOption {
  readonly wish: keyof Wishes;
  readonly resource: ResourceName;
  readonly flags: string;
  readonly help: string;
  readonly parse: (text: string) => number;
}

const BUDGETS = {
  targetSize: {
    wish: 'bytes',
    resource: 'bytes',
    flags: '--target-size <size>',
    help: 'most bytes of the finished file: 61234567, 60MB or 60M, 1.8G, 57MiB',
    parse: parseSize,
  },
  targetBpw: {
    wish: 'bitsPerWeight',
    resource: 'bytes',
    flags: '--target-bpw <bits>',
    help: 'most bits per weight: 8 × bytes of the finished file ÷ weights of the model',
    parse: decimal(0.5, 40),
  },
  maxBops: {
    wish: 'bops',
    resource: 'bops',
    flags: '--max-bops <n>',
    help: 'most bit operations per token: 40G, 1.5T',
    parse: parseCount,
  },
  kvBudget: {
    wish: 'kv',
    resource: 'kv',
    flags: '--kv-budget <size>',
    help: 'most bytes of the KV cache at --context tokens: chooses formats of keys and values too',
    parse: parseSize,
  },
  maxMemory: {
    wish: 'memory',
    resource: 'memory',
    flags: '--max-memory <size>',
    help: 'most memory of run at --context tokens: weights, KV cache, activations',
    parse: parseSize,
  },
  maxMoved: {
    wish: 'moved',
    resource: 'moved',
    flags: '--max-moved <size>',
    help: 'most bytes that a decoded token reads, weights and KV cache: 50MB',
    parse: parseSize,
  },
  maxLatency: {
    wish: 'latency',
    resource: 'latency',
    flags: '--max-latency <time>',
    help: 'most time per decoded token, measured on this device: 25ms, 0.5s',
    parse: parseDuration,
  },
} satisfies Record<string, BudgetOption>;

export type BudgetOptions = { readonly [name in keyof typeof BUDGETS]?: number } & {
  readonly context?: number;
  readonly kvUniform?: boolean;
};

/** All flags, for messages. */
export const BUDGET_FLAGS = Object.values(BUDGETS)
  .map(({ flags }) => flags.split(' ')[0])
  .join(', ');

export function addBudgetOptions(command: Command): Command {
  command.optionsGroup(GROUP.budget);
  for (const { flags, help, parse } of Object.values(BUDGETS)) command.option(flags, help, parse);
  return command
    .option(
      '-c, --context <tokens>',
      'context that memory and KV cache (default the model’s, at most 4096), latency and bytes moved (default 256) are for',
      wholeNumber(1, 2 ** 24),
    )
    .option('--kv-uniform', 'one format for all keys and one for all values, as llama.cpp takes them');
}

/**
 * The budgets asked for; undefined where there is none.
 * @throws UsageError when one resource is budgeted twice
 */
export function readWishes(options: BudgetOptions): Wishes | undefined {
  const asked = Object.entries(BUDGETS).filter(([name]) => options[name as keyof BudgetOptions] !== undefined);
  for (const together of Map.groupBy(asked, ([, { resource }]) => resource).values())
    if (together.length > 1) {
      const flags = together.map(([, option]) => option.flags.split(' ')[0]);
      throw new UsageError(`target: ${flags.join(' and ')} say the same; give one of them`);
    }
  if (options.kvBudget === undefined && options.kvUniform)
    throw new UsageError('--kv-uniform is part of a KV budget; give --kv-budget too');
  if (asked.length === 0) return undefined;
  return Object.fromEntries(asked.map(([name, { wish }]) => [wish, options[name as keyof BudgetOptions]]));
}

/** How amounts of each resource are told. */
const AMOUNTS: Record<Exclude<ResourceName, 'bytes'>, (amount: number, error?: number) => string> = {
  kv: (amount) => `${describeBytes(amount)} of KV cache`,
  bops: (amount) => `${formatCount(amount)} bit operations per token`,
  memory: (amount) => `${formatSize(amount)} of memory to run`,
  moved: (amount) => `${formatSize(amount)} read per decoded token`,
  latency: (amount, error = 0) => `${formatLatency(amount, error)} per decoded token`,
};

/** What a plan takes beside the bytes of its file, of the resources named; those that nobody measured are left out. */
export function describeCosts(
  { costs = {}, costErrors = {} }: Pick<PlanPrediction, 'costs' | 'costErrors'>,
  names = Object.keys(AMOUNTS),
): string[] {
  return Object.entries(AMOUNTS).flatMap(([name, describe]) =>
    names.includes(name) && costs[name] !== undefined ? [describe(costs[name], costErrors[name])] : [],
  );
}

/** `12.3 ± 0.3 ms`: three significant digits, as many decimals of the spread. */
export function formatLatency(milliseconds: number, spread: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(milliseconds)));
  return `${milliseconds.toFixed(digits)} ± ${spread.toFixed(digits)} ms`;
}
