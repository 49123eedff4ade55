import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenBatch } from '../../src/measure/plan.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { calibrationTokens, evaluationTokens } from '../../src/pipeline/texts.ts';
import { compareAnswers } from './compare.ts';
import { models, PLAIN, randomTokens, type Variant, withVariant, writeVariant } from './models.ts';
import { pairwise, product } from './pairwise.ts';
import type { CommitProcess } from './process.ts';
import type { Comparison } from './types.ts';

type Commits = readonly [CommitProcess, CommitProcess];

/** Around one token, and around the 128 that run together. */
const PROMPTS = [1, 2, 127, 128, 129];
const CONTINUED = 6;
const SEED = 3;

const FACTORS = {
  weights: ['F32', 'Q4_0', 'Q6_K', 'IQ2_S'],
  cache: [
    ['F32', 'F32'],
    ['Q8_0', 'Q8_0'],
    ['Q4_0', 'F16'],
  ],
  activations: [0, 8, 4],
} as const;
const RUNS = { exact: [false, true], threads: [1, 2] } as const;

/**
 * Logits of every model, prompts at once and token by token: all combinations of random models, and a covering design of
 * the embedded one, which with `quick` the others get too.
 */
export async function compareLogits(commits: Commits, folder: string, quick: boolean): Promise<Comparison[]> {
  const found: Comparison[] = [];
  for (const [name, open] of Object.entries(models)) {
    const factors = { ...FACTORS, ...RUNS };
    const cells = quick || name === 'embedded' ? pairwise(factors) : product(factors);
    for (const group of Map.groupBy(cells, ({ weights, cache, activations }) =>
      [weights, ...cache, activations].join(' '),
    ).values()) {
      await withVariant(open, group[0] as Variant, folder, async (file, { config }) => {
        const token = (count: number, i: number) => randomTokens(config.vocabulary, count, SEED + i);
        const prompts = PROMPTS.map(token);
        const continuation = token(CONTINUED, PROMPTS.length);
        for (const { weights, cache, activations, exact, threads } of group) {
          const heading = `logits of ${name}`;
          const packed = exact ? ' as float32' : '';
          const detail = `weights ${weights}${packed}, cache ${cache.join(' and ')}, activations ${activations || 'float32'}, threads ${threads}`;
          const job = { file, threads, exact, prompts, continuation };
          found.push(await compareAnswers(commits, folder, { heading, detail }, (commit) => commit.ask('logits', job)));
        }
      });
    }
  }
  return found;
}

const PALETTE = ['Q8_0', 'Q6_K', 'Q4_K', 'Q4_0', 'IQ4_XS', 'IQ2_S'];
const ACTIVATION_BITS = [16, 8, 4];

/** Measurements of every model on its own text, and prices from them. */
export async function compareMeasurements(commits: Commits, folder: string, quick: boolean): Promise<Comparison[]> {
  const found: Comparison[] = [];
  for (const [name, open] of Object.entries(models)) {
    await withVariant(open, PLAIN, folder, async (file, model) => {
      const tokens = await sequences(model, name === 'embedded' && !quick ? 1024 : 256);
      for (const threads of quick ? [2] : [1, 2]) {
        const what = { heading: `measurement and prices of ${name}`, detail: `threads ${threads}` };
        const compared = await compareAnswers(commits, folder, what, async (commit) => {
          const work = await mkdtemp(join(folder, 'measure-'));
          const job = { file, threads, tokens, folder: work, palette: PALETTE, activations: ACTIVATION_BITS };
          const digests = await commit.ask('measure', job);
          await rm(work, { recursive: true });
          return digests;
        });
        found.push(compared);
      }
    });
  }
  return found;
}

/** Some text in sequences of an odd length. */
async function sequences(model: Parameters<typeof calibrationTokens>[1], tokens: number): Promise<TokenBatch> {
  const { ids } = await calibrationTokens(nodeHost, model, { tokens: Math.max(tokens, 512) }, SEED);
  const length = 61;
  const count = Math.floor(tokens / length);
  return { sequences: count, length, ids: ids.slice(0, count * length) };
}

/** Evaluations of every model in two types against its original. */
export async function compareEvaluations(commits: Commits, folder: string): Promise<Comparison[]> {
  const found: Comparison[] = [];
  for (const [name, open] of Object.entries(models)) {
    await withVariant(open, PLAIN, folder, async (reference, model) => {
      const tokens = Array.from(await evaluationTokens(nodeHost, model, { tokens: 600 }));
      for (const weights of ['Q4_0', 'IQ2_S']) {
        const candidate = await writeVariant(model, { ...PLAIN, weights }, folder, 'candidate');
        for (const threads of [1, 2]) {
          const what = { heading: `evaluation of ${name}`, detail: `weights ${weights}, threads ${threads}` };
          const job = { reference, candidate, threads, tokens, length: 100 };
          found.push(await compareAnswers(commits, folder, what, (commit) => commit.ask('evaluate', job)));
        }
        await rm(candidate);
      }
    });
  }
  return found;
}
