import type { Command } from 'commander';
import { register as cache } from './cache.ts';
import { register as embed } from './embed.ts';
import { register as environment } from './env.ts';
import { register as evaluate } from './eval.ts';
import { register as family } from './family.ts';
import { register as formats } from './formats.ts';
import { register as inspect } from './inspect.ts';
import { register as latency } from './latency.ts';
import { register as measure } from './measure.ts';
import { register as metrics } from './metrics.ts';
import { register as plan } from './plan.ts';
import { register as pull } from './pull.ts';
import { register as quantize } from './quantize.ts';
import { register as report } from './report.ts';
import { register as run } from './run.ts';

/** A verb under a heading of the help. */
export interface Verb {
  readonly heading: string;
  readonly register: (program: Command) => void;
}

/** Verbs by what one wants, in the order of the help. */
const HEADINGS: readonly (readonly [string, readonly Verb['register'][]])[] = [
  ['Make a model:', [quantize, plan, family]],
  ['Use and check it:', [run, embed, evaluate, report, inspect]],
  ['Prepare:', [pull, measure, latency]],
  ['Know more:', [formats, metrics, environment, cache]],
];

/**
 * Every verb. A verb's file imports nothing heavy until its action runs, so that `--help` and
 * errors in the command line come at once.
 */
export const verbs: readonly Verb[] = HEADINGS.flatMap(([heading, registers]) =>
  registers.map((register) => ({ heading, register })),
);
