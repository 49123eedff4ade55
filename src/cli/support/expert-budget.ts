import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import type { Model } from '../../model/types.ts';
import { choiceOption, decimal } from './options.ts';

/** Which experts are left out while a model runs. */
export interface ExpertOptions {
  readonly expertBudget?: number;
  readonly expertRule?: ExpertRuleName;
  readonly threads: number;
  readonly quiet?: boolean;
}

const RULES = ['token', 'learned'] as const;

export type ExpertRuleName = (typeof RULES)[number];

/** Tokens of the package's own text that rules are made on. */
const RULE_TOKENS = { token: 2048, learned: 4096 } as const;

export function addExpertOptions(command: Command): Command {
  return command
    .option('--expert-budget <share>', 'mixtures of experts: use this share of the experts of a token', decimal(0, 1))
    .addOption(
      choiceOption(
        '--expert-rule <rule>',
        'which are left out: by their weight for the token (default), or learned by what the model loses',
        RULES,
      ),
    );
}

/**
 * The model with fewer experts at work, by a rule that is made on the package's own text.
 * @throws UsageError for models without experts, and for shares that cannot be
 */
export async function withExpertOptions(model: Model, options: ExpertOptions): Promise<Model> {
  const { expertBudget: share, expertRule: rule = 'token', threads, quiet } = options;
  if (share === undefined) {
    if (options.expertRule !== undefined) throw new UsageError('--expert-rule: say how many with --expert-budget too');
    return model;
  }
  const { checkExpertBudget, tokenRules } = await import('../../measure/expert-budget.ts');
  checkExpertBudget(model, share);
  const { learnedRules } = await import('../../measure/expert-learning.ts');
  const { withExpertRules } = await import('../../model/expert-rules.ts');
  const { nodeHost } = await import('../../pipeline/host/node.ts');
  const { calibrationTokens } = await import('../../pipeline/texts.ts');
  const kernels = await nodeHost.kernels(threads);
  try {
    const text = await calibrationTokens(nodeHost, model, { tokens: RULE_TOKENS[rule] }, 0);
    const rules =
      rule === 'token'
        ? await tokenRules(kernels, model, text, share)
        : await learnedRules(kernels, model, text, share, { seed: 0 });
    if (!quiet)
      console.error(
        `bitbudget: about ${(100 * share).toFixed(0)} % of the experts of a token are used (rule ${rule}, made on ${text.ids.length} tokens)`,
      );
    return withExpertRules(model, rules);
  } finally {
    kernels.close();
  }
}
