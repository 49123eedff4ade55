/**
 * Drives one commit: `child.ts ROOT`, operations of types.ts as JSON lines on standard input, answers on standard output.
 * The same code drives every commit.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { digestOf, type Observation, observe } from './arrays.ts';
import { type Library, loadLibrary, type Measured, type RunSession } from './library.ts';
import type { Digests, EvaluateJob, LoadJob, LogitsJob, MeasureJob, Operations, TimeJob, Times } from './types.ts';

/** A loaded model, and how it is timed. */
interface Loaded {
  readonly session: RunSession;
  readonly job: LoadJob;
}

class Driver implements Operations {
  readonly #library: Library;
  /** Arrays of the last answer. */
  #observed = new Map<string, Observation>();
  #loaded: Loaded | undefined;

  constructor(library: Library) {
    this.#library = library;
  }

  async logits(job: LogitsJob): Promise<Digests> {
    const { prompts, continuation } = job;
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    const session = await this.#library.openSession(job, longest + continuation.length);
    const observed = new Map<string, Observation>();
    for (const prompt of prompts) {
      session.rewind(0);
      observed.set(`prompt of ${prompt.length}`, { values: (await session.prefill(prompt)).slice() });
      for (const [i, token] of continuation.entries()) {
        const values = (await session.decode(token)).slice();
        observed.set(`token ${i + 1} after a prompt of ${prompt.length}`, { values });
      }
    }
    await session.close();
    return this.#answer(observed);
  }

  async measure(job: MeasureJob): Promise<Digests> {
    return this.#answer(await observeMeasured(await this.#library.measure(job)));
  }

  async evaluate({ reference, candidate, threads, tokens, length }: EvaluateJob): Promise<Digests> {
    const evaluation = await this.#library.evaluate(reference, candidate, threads, Int32Array.from(tokens), length);
    return this.#answer(new Map(Object.entries(evaluation).map(([name, value]) => [name, observe(value)])));
  }

  async save({ names, folder }: { names: readonly string[]; folder: string }): Promise<string[]> {
    const paths = names.map((_, i) => join(folder, `${process.pid}-${i}.bin`));
    for (const [i, name] of names.entries()) {
      const { values } = this.#observed.get(name)!;
      await writeFile(paths[i], new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    return paths;
  }

  async load(job: LoadJob): Promise<void> {
    const { prompt, context, vocabulary } = job;
    const session = await this.#library.openSession(job, Math.max(context, prompt.length));
    await session.prefill(Array.from({ length: context }, (_, i) => (7919 * i) % vocabulary));
    this.#loaded = { session, job };
  }

  async time({ prefill, decode, clock }: TimeJob): Promise<Times> {
    const { session, job } = this.#loaded!;
    const { prompt, context } = job;
    const begin = now(clock);
    for (let i = 0; i < prefill; i++) {
      session.rewind(Math.max(0, context - prompt.length));
      await session.prefill(prompt);
    }
    const middle = now(clock);
    for (let i = 0; i < decode; i++) {
      session.rewind(context - 1);
      await session.decode(prompt[0]);
    }
    return { prefill: (middle - begin) / prefill, decode: (now(clock) - middle) / decode };
  }

  #answer(observed: Map<string, Observation>): Digests {
    this.#observed = observed;
    return Object.fromEntries(Array.from(observed, ([name, observation]) => [name, digestOf(observation)]));
  }
}

/** In ms. */
function now(clock: TimeJob['clock']): number {
  if (clock === 'wall') return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function observeMeasured({
  measurement,
  weights,
  cache,
  activations,
}: Measured): Promise<Map<string, Observation>> {
  const observed = new Map<string, Observation>();
  for (const { tensor, use, factor } of measurement.summaries)
    observed.set(`measurement: factor of ${tensor} as ${use}`, observe(factor));
  for (const tensor of new Set(measurement.summaries.map((summary) => summary.tensor))) {
    const { rounding, pricing, importance, sketches } = await measurement.read(tensor);
    observed.set(`measurement: importance of ${tensor}`, { values: importance });
    for (const [i, sketch] of sketches.entries()) {
      for (const [name, value] of Object.entries(sketch)) {
        const values = value instanceof Float64Array ? value : Float64Array.of(value as number);
        observed.set(`measurement: ${name} of ${tensor}, sketch ${i}`, { values });
      }
    }
    for (const [half, terms] of Object.entries({ rounding, pricing })) {
      for (const [i, { a, b }] of terms.entries()) {
        observed.set(`measurement: A of ${tensor}, ${half}, use ${i}`, { values: a });
        observed.set(`measurement: b of ${tensor}, ${half}, use ${i}`, { values: b });
      }
    }
  }
  for (const prices of weights.tensors) observed.set(`prices: ${prices.tensor}`, observe(prices));
  observed.set('prices: cache', observe(cache));
  observed.set('prices: activations', observe(activations));
  return observed;
}

const driver = new Driver(await loadLibrary(process.argv[2]));
for await (const line of createInterface({ input: process.stdin })) {
  const { name, job } = JSON.parse(line) as { name: keyof Operations; job: never };
  const answer = await driver[name](job).then(
    (result) => ({ result }),
    (error: Error) => ({ error: error.stack ?? String(error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();
