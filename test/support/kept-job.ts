import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errorLine, exitCodeOf } from '../../src/cli/support/failure.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { openModel } from '../../src/model/open.node.ts';
import type { Model } from '../../src/model/types.ts';
import { planFamily } from '../../src/pipeline/family/plan-family.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import { Session } from '../../src/pipeline/session.ts';
import { solveFor } from '../../src/pipeline/solve.ts';
import { calibrationTokens, heldOutTokens } from '../../src/pipeline/texts.ts';

/*
 * Verbs that keep work, on few tokens, as processes that tests and benches kill: `node kept-job.ts VERB MODEL OUTPUT STORE`.
 * Each progress event is a line on standard output, `stage`; the last lines are `used MS` of the processor and
 * `done DIGEST` of what was made.
 */

export const JOBS = ['quantize', 'plan', 'measure', 'family'] as const;
export type JobName = (typeof JOBS)[number];

const TOKENS = 512;
const SEED = 5;

type Options = Omit<Parameters<typeof solveFor>[3], 'peers'>;

const verbs: Readonly<Record<JobName, (model: Model, output: string, options: Options) => Promise<unknown>>> = {
  quantize: async (model, output, options) => {
    const target = { kind: 'budgets', wishes: { bitsPerWeight: 7 } } as const;
    await quantizeModel(nodeHost, model, { ...options, target, output });
    return await readFile(output);
  },
  plan: async (model, _, options) => await solveFor(nodeHost, model, { bitsPerWeight: 7 }, { ...options, probe: true }),
  measure: async (model, _, options) => {
    const session = await Session.open(nodeHost, model, options);
    try {
      const { summaries, read } = await session.measure(await options.calibration());
      const all = [];
      for (const { tensor } of summaries) all.push(await read(tensor));
      return JSON.stringify([summaries, all], (_key, value) =>
        ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value,
      );
    } finally {
      await session.close();
    }
  },
  family: async (model, _, options) => {
    const texts = { calibration: { tokens: TOKENS }, evaluation: { tokens: TOKENS } };
    return await planFamily(nodeHost, [{ name: 'small', model }], { ...options, ...texts, measured: 2 });
  },
};

/** Prints what was made as one line; an error is the line of the command line. */
async function main([verb, path, output, folder]: readonly string[]): Promise<void> {
  const model = await openModel(path);
  const result = await verbs[verb as JobName](model, output, {
    ...{ folder, seed: SEED, threads: 1, rounding: 'gptq', palette: ['Q4_0', 'Q5_0', 'Q6_K', 'Q8_0'] },
    calibration: () => calibrationTokens(nodeHost, model, { tokens: TOKENS }, SEED),
    evaluation: () => heldOutTokens(nodeHost, model, { tokens: TOKENS }),
    onProgress: ({ stage }: ProgressEvent) => process.stdout.write(`${stage}\n`),
  });
  const { user, system } = process.cpuUsage();
  process.stdout.write(`used ${(user + system) / 1000}\n`);
  const bytes = result instanceof Uint8Array ? result : typeof result === 'string' ? result : JSON.stringify(result);
  process.stdout.write(`done ${createHash('sha256').update(bytes).digest('hex')}\n`);
}

if (import.meta.main)
  await main(process.argv.slice(2)).catch((error) => {
    console.error(errorLine(error));
    process.exitCode = exitCodeOf(error);
  });
