import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openTensorFile } from '../../src/container/node.ts';
import type { TensorEntry } from '../../src/container/types.ts';
import type { Model } from '../../src/model/types.ts';
import { matrices } from '../../src/quantize/sensitivity.ts';
import { type Observation, observe, relativeDifferenceEach } from './arrays.ts';
import { runCli } from './cli.ts';
import { models, PLAIN, withVariant } from './models.ts';
import type { Checkout, Comparison, Difference } from './types.ts';

type Checkouts = readonly [Checkout, Checkout];

const TEXT = ['--calibration-tokens', '1024', '--evaluation-tokens', '1024', '--seed', '1'];

/** Formats that a plan's matrices take in turn: all kinds of blocks. */
const PLANNED = ['Q4_K', 'IQ2_S', 'Q8_0', 'IQ3_XXS', 'Q5_0', 'Q6_K', 'IQ4_XS', 'Q3_K', 'IQ1_S', 'Q2_K', 'MXFP4'];

/**
 * Files by each commit's command line, of every model: a given plan on the first commit's stored measurement, by both
 * methods of rounding; then the whole job, each on its own measurement. That has one budget: with several, the solver may
 * run into its limit of time and answer otherwise on a busy machine.
 */
export async function compareFiles(checkouts: Checkouts, folder: string, quick: boolean): Promise<Comparison[]> {
  const found: Comparison[] = [];
  for (const [name, open] of Object.entries(models)) {
    if (quick && name === 'embedded') continue;
    await withVariant(open, PLAIN, folder, async (file, model) => {
      const work = await mkdtemp(join(folder, 'files-'));
      for (const rounding of ['gptq', 'nearest'])
        found.push(await comparePlanned(checkouts, work, file, model, { name, rounding }));
      found.push(await compareWhole(checkouts, work, file, name));
      await rm(work, { recursive: true });
    });
  }
  return found;
}

async function comparePlanned(
  checkouts: Checkouts,
  work: string,
  file: string,
  model: Model,
  { name, rounding }: { name: string; rounding: string },
): Promise<Comparison> {
  const plan = join(work, 'plan.json');
  const formats = Object.fromEntries(matrices(model).map((tensor, i) => [tensor.name, PLANNED[i % PLANNED.length]]));
  await writeFile(plan, JSON.stringify({ formats, rounding }));
  const args = ['quantize', file, '--plan', plan, '--rounding', rounding, ...TEXT];
  const runs: Written[] = [];
  for (const [i, checkout] of checkouts.entries()) {
    const store = join(work, `measured-${i}`);
    await mkdir(store, { recursive: true });
    if (i === 1) await copyMeasurements(join(work, 'measured-0'), store);
    runs.push(await write(checkout, [...args, '--work-dir', store], join(work, `planned-${i}.gguf`)));
  }
  const differences = await fileDifferences(runs);
  if (MEASURING.test(runs[1].progress))
    differences.push({ name: 'stored measurement', relative: Infinity, reason: 'is not read: measured anew' });
  const heading = `file of ${name} by a plan, ${rounding}`;
  return { heading, detail: '', compared: comparedIn(runs[0]), differences };
}

/** What the command line says when it measures; `compareWhole` holds every commit to it. */
const MEASURING = /^measuring/m;

/** A measurement serves both commits: the second must not measure again. */
async function copyMeasurements(from: string, to: string): Promise<void> {
  for (const name of await readdir(from))
    if (name.includes('measurement')) await cp(join(from, name), join(to, name), { force: true });
}

async function compareWhole(checkouts: Checkouts, work: string, file: string, name: string): Promise<Comparison> {
  const runs: Written[] = [];
  for (const [i, checkout] of checkouts.entries()) {
    const store = ['--work-dir', join(work, `whole-${i}`)];
    const args = ['quantize', file, '--target-bpw', '4.5', ...TEXT, ...store];
    runs.push(await write(checkout, args, join(work, `whole-${i}.gguf`)));
    if (!MEASURING.test(runs[i].progress)) throw new Error(`${checkout.name}: does not say that it measures`);
  }
  const differences = await fileDifferences(runs);
  return { heading: `file of ${name} at 4.5 bits per weight`, detail: '', compared: comparedIn(runs[0]), differences };
}

/** Tensors, entries of metadata, and the record. */
function comparedIn({ tensors, metadata }: Written): number {
  return tensors.size + metadata.size + 1;
}

/** What a commit wrote, and what it said of it. */
interface Written {
  /** SHA-256 of each tensor's bytes, with its format and shape. */
  readonly tensors: ReadonlyMap<string, string>;
  readonly metadata: ReadonlyMap<string, unknown>;
  /** Predictions, prices of what was chosen, and evaluations, as the record beside the file has them. */
  readonly record: Observation;
  readonly progress: string;
}

async function write(checkout: Checkout, args: readonly string[], output: string): Promise<Written> {
  const { stdout, stderr } = await runCli(checkout, [...args, '-o', output, '--yes', '--json']);
  const { result, assignments, measured, evaluation } = JSON.parse(stdout) as Record<string, Record<string, unknown>>;
  const file = await openTensorFile(output);
  const tensors = new Map<string, string>();
  for (const [name, tensor] of file.tensors) tensors.set(name, await tensorDigest(tensor));
  await file.close();
  const record = observe({ result: { ...result, file: undefined }, assignments, measured, evaluation });
  return { tensors, metadata: file.metadata, record, progress: stderr };
}

async function tensorDigest(tensor: TensorEntry): Promise<string> {
  const hash = createHash('sha256').update(await tensor.read());
  return `${tensor.format} [${tensor.shape.join(', ')}] ${hash.digest('hex')}`;
}

async function fileDifferences([base, head]: readonly Written[]): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const [what, [first, second]] of Object.entries({
    'bytes of ': [base.tensors, head.tensors],
    'metadata ': [base.metadata, head.metadata],
  })) {
    for (const name of new Set([...first.keys(), ...second.keys()])) {
      const reason = textDifference(JSON.stringify(first.get(name)), JSON.stringify(second.get(name)));
      if (reason !== undefined) differences.push({ name: what + name, relative: Infinity, reason });
    }
  }
  if (base.record.names !== head.record.names)
    differences.push({ name: 'predictions and evaluation', relative: Infinity, reason: 'of other names or choices' });
  else {
    const relative = relativeDifferenceEach(base.record.values, head.record.values);
    if (relative > 0) differences.push({ name: 'predictions and evaluation', relative });
  }
  return differences;
}

function textDifference(base: string | undefined, head: string | undefined): string | undefined {
  if (base === head) return undefined;
  const short = (text = 'nothing') => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
  return `${short(base)} became ${short(head)}`;
}
