import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BitPlan } from '../../src/allocate/types.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { openModel } from '../../src/model/open.node.ts';
import { dryRun } from '../../src/pipeline/dry-run.ts';
import { nodeHost } from '../../src/pipeline/host/node.ts';
import { rememberDigests } from '../../src/pipeline/identify.node.ts';
import { quantizeModel } from '../../src/pipeline/quantize.ts';
import type { QuantizeOptions } from '../../src/pipeline/quantize-options.ts';
import { type SolveOptions, solveFor } from '../../src/pipeline/solve.ts';
import { WorkStore } from '../../src/store/store.node.ts';
import { quickOptions, smallModelFile, temporaryFolder } from './support.ts';

/** Progress events by stage; that weights are looked at before all work is none. */
function counter() {
  const counts: Record<string, number> = {};
  const onProgress = ({ stage }: ProgressEvent) => {
    counts[stage] = (counts[stage] ?? 0) + 1;
  };
  return { counts, onProgress };
}

function budget(bitsPerWeight: number): Pick<QuantizeOptions, 'target'> {
  return { target: { kind: 'budgets', wishes: { bitsPerWeight } } };
}

/** The plan for a budget, with what was done for it. */
async function planned(path: string, bitsPerWeight: number, options: Omit<SolveOptions, 'signal' | 'peers'>) {
  const { counts, onProgress } = counter();
  const { plans } = await solveFor(nodeHost, await openModel(path), { bitsPerWeight }, { ...options, onProgress });
  return { plan: plans[0], counts };
}

test('after quantize, plan measures and prices nothing, from a renamed copy too: the same plan at the same budget, a corrected one at another', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const options = { ...quickOptions(folder), folder: join(folder, 'store'), seed: 3 };
  const first = counter();
  const made = await quantizeModel(nodeHost, await openModel(source), {
    ...options,
    ...budget(7),
    onProgress: first.onProgress,
  });
  assert.ok(first.counts['measuring'] > 0 && first.counts['pricing'] > 0);
  assert.ok(made.verification!.probes.length > 0);
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(elsewhere);
  const copy = join(elsewhere, 'another-name.gguf');
  renameSync(source, copy);
  const solving = { ...options, rounding: options.rounding, calibration: options.calibration!, evaluation: undefined };
  const same = await planned(copy, 7, solving);
  assert.deepEqual(same.counts, {});
  assert.deepEqual(same.plan, JSON.parse(JSON.stringify(made.plan)));
  const other = await planned(copy, 8, solving);
  assert.deepEqual(other.counts, {});
  const plain = await planned(copy, 8, { ...solving, folder: join(folder, 'other store') });
  const ratio = (plan: BitPlan): number => plan.prediction!.kl / plan.prediction!.fileBytes;
  assert.ok(Math.abs(ratio(other.plan) / ratio(plain.plan) - 1) > 0.01, 'its prediction has learned from the probes');
});

test('a plan for another seed, text or arithmetic finds nothing of this one', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const options = { ...quickOptions(folder), evaluation: undefined, calibration: quickOptions(folder).calibration! };
  await planned(source, 7, options);
  const known = await planned(source, 8, options);
  assert.deepEqual(known.counts, {});
  const otherSeed = await planned(source, 7, { ...options, seed: 1 });
  assert.ok(otherSeed.counts['measuring'] > 0);
  const fewer = async () => {
    const tokens = await options.calibration();
    return { ...tokens, sequences: 6, ids: tokens.ids.subarray(0, 6 * tokens.length) };
  };
  const otherText = await planned(source, 7, { ...options, calibration: fewer });
  assert.ok(otherText.counts['measuring'] > 0);
});

test('finished runs leave measurement and prices, no blocks; an interrupted one leaves its blocks for itself alone', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const store = join(folder, 'store');
  const options = { ...quickOptions(folder), folder: store, evaluation: undefined };
  const steps = async () => (await new WorkStore(store).list()).map(({ step }) => step).sort();
  const stop = new AbortController();
  const onProgress = ({ stage, done }: ProgressEvent) => {
    if (stage === 'writing' && done > 0) stop.abort(new Error('stopped'));
  };
  const interrupted = quantizeModel(nodeHost, await openModel(source), {
    ...options,
    ...budget(7),
    signal: stop.signal,
    onProgress,
  });
  await assert.rejects(interrupted, /stopped/);
  assert.deepEqual(await steps(), ['magnitudes', 'measurement', 'prices', 'rounding']);
  await quantizeModel(nodeHost, await openModel(source), {
    ...options,
    ...budget(8),
    output: join(folder, 'other.gguf'),
  });
  assert.ok((await steps()).includes('rounding'), 'another job leaves them');
  const { counts, onProgress: count } = counter();
  await quantizeModel(nodeHost, await openModel(source), { ...options, ...budget(7), onProgress: count });
  assert.equal(counts['quantizing'], undefined, 'nothing is rounded twice');
  assert.equal(counts['checking'], undefined, 'no weight is read for its magnitude again');
  assert.deepEqual(
    (await steps()).filter((step) => step !== 'speed'),
    ['magnitudes', 'measurement', 'prices'],
  );
});

test('a dry run tells bytes alone before anything is measured, and afterwards what the budget buys; it touches nothing', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const options = { ...quickOptions(folder), output: join(folder, 'new', 'out.gguf'), folder: join(folder, 'store') };
  const before = await dryRun(nodeHost, await openModel(source), { ...options, ...budget(7) });
  assert.equal(before.plan, undefined);
  assert.ok(Math.abs(before.bitsPerWeight - 7) < 0.01);
  assert.ok(before.forecast.seconds > 0 && before.forecast.keptBytes > 0);
  assert.deepEqual(readdirSync(folder), ['small.gguf']);
  const made = await quantizeModel(nodeHost, await openModel(source), { ...options, ...budget(7) });
  const kept = globSync('**/*', { cwd: options.folder }).sort();
  const after = await dryRun(nodeHost, await openModel(source), { ...options, ...budget(7) });
  assert.deepEqual(after.plan, JSON.parse(JSON.stringify(made.plan)));
  assert.equal(after.isCorrected, true);
  assert.equal(after.forecast.steps.measure + after.forecast.steps.price + after.forecast.steps.verify, 0);
  assert.equal(after.forecast.keptBytes, 0);
  assert.deepEqual(globSync('**/*', { cwd: options.folder }).sort(), kept);
});

test('what is told of the disk is what is kept, within 15 %', async (context) => {
  const folder = await temporaryFolder(context);
  const source = await smallModelFile(folder);
  const store = join(folder, 'store');
  let told = 0;
  await quantizeModel(nodeHost, await openModel(source), {
    ...{ ...quickOptions(folder), folder: store, ...budget(7) },
    onForecast: ({ keptBytes }) => {
      told = keptBytes;
    },
  });
  const entries = await new WorkStore(store).list();
  const kept = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(Math.abs(told / kept - 1) < 0.15, `${told} bytes told, ${kept} kept`);
});

test('digests are remembered while files keep path, size and time, and are those of the contents', async (context) => {
  const folder = await temporaryFolder(context);
  const path = await smallModelFile(folder);
  const store = new WorkStore(join(folder, 'store'));
  let reads = 0;
  const open = async (from: string) => {
    const model = await openModel(from);
    context.after(() => model.close());
    const tensors = new Map(
      [...model.tensors].map(([name, tensor]) => {
        const loadBlocks =
          tensor.loadBlocks &&
          ((...rows: [number?, number?]) => {
            reads++;
            return tensor.loadBlocks!(...rows);
          });
        return [name, { ...tensor, loadBlocks }];
      }),
    );
    return rememberDigests({ ...model, tensors }, from, store);
  };
  utimesSync(path, 1e9, 1e9);
  const original = await openModel(path);
  context.after(() => original.close());
  const expected = await original.fingerprint();
  assert.equal(await (await open(path)).fingerprint(), expected);
  const first = reads;
  assert.ok(first > 0);
  assert.equal(await (await open(path)).fingerprint(), expected);
  assert.equal(reads, first, 'nothing is read again');
  const copy = join(folder, 'copy.gguf');
  cpSync(path, copy);
  assert.equal(await (await open(copy)).fingerprint(), expected, 'a copy is the same model');
  assert.equal(reads, 2 * first);
  const bytes = readFileSync(path);
  bytes[bytes.length - 2] ^= 0x40;
  rmSync(path);
  writeFileSync(path, bytes);
  assert.notEqual(await (await open(path)).fingerprint(), expected, 'a changed file is another');
  assert.ok(existsSync(store.folder));
});
