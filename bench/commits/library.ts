/**
 * The entry points of a commit that this bench uses, behind one interface. They are the package's parts for Node,
 * `src/parts.node.ts`, before `src/node.ts`; where a commit's are otherwise, this file is the place to tell them apart, and nothing else changes.
 * All here is about the commit's code: none of this checkout's is run.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MeasureJob, RunJob } from './types.ts';

/** A model that runs with a KV cache. Logits are valid until the next call. */
export interface RunSession {
  prefill(tokens: ArrayLike<number>): Promise<Float32Array>;
  decode(token: number): Float32Array | Promise<Float32Array>;
  rewind(position: number): void;
  close(): Promise<void>;
}

/** Kronecker factors of a form, see docs/method.md. */
interface Term {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

interface Measurement {
  readonly summaries: readonly { readonly tensor: string; readonly use: string; readonly factor: object }[];
  read(tensor: string): Promise<{
    readonly rounding: readonly Term[];
    readonly pricing: readonly Term[];
    readonly importance: Float32Array;
    readonly sketches: readonly object[];
  }>;
}

/** What a model is measured to be worth. */
export interface Measured {
  readonly measurement: Measurement;
  /** A list of prices by tensor. */
  readonly weights: { readonly tensors: readonly { readonly tensor: string }[] };
  /** Losses and their errors of what is rounded while the model runs, by the names of tensors and states. */
  readonly cache: readonly PricedName[];
  readonly activations: readonly PricedName[];
}

type PricedName = readonly [name: string, losses: readonly number[]];

/** Prices of one edge or state, as commits since sites have them, and as those before. */
interface Priced {
  readonly site?: string;
  readonly tensor?: string;
  readonly kind?: string;
  readonly layer?: number;
  readonly prices: readonly { readonly loss: number; readonly lossError: number }[];
}

/** Prices in an order and under names that all commits share. */
function named(prices: readonly Priced[] = []): PricedName[] {
  return prices
    .map(({ site, tensor, kind, layer, prices: each }): PricedName => {
      const name = site?.replace(/\.input$/, '') ?? tensor ?? `blk.${layer}.${kind}`;
      return [name, each.flatMap(({ loss, lossError }) => [loss, lossError])];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

export interface Library {
  openSession(job: RunJob, contextLength: number): Promise<RunSession>;
  measure(job: MeasureJob): Promise<Measured>;
  evaluate(reference: string, candidate: string, threads: number, tokens: Int32Array, length: number): Promise<object>;
}

type Model = { close(): Promise<void> };
/** Since programs run on devices, kernels have one. */
type Kernels = { readonly threads: number; readonly device?: object };

interface WorkSession {
  measure(tokens: MeasureJob['tokens']): Promise<Measurement>;
  workspace(measurement: Measurement): Promise<{ close(): void | Promise<void> }>;
  price(measurement: Measurement, workspace: object, rounding: string, palette: readonly string[]): Promise<unknown>;
  /** Of commits before sites. */
  priceRun?(
    tokens: () => Promise<MeasureJob['tokens']>,
    workspace: object,
    chosen: { cache: boolean; activations: readonly number[] },
  ): Promise<{ cache?: readonly Priced[]; activations?: readonly Priced[] }>;
  priceRunning?(
    tokens: () => Promise<MeasureJob['tokens']>,
    workspace: object,
    chosen: { states: boolean; edges?: readonly number[] },
  ): Promise<readonly Priced[]>;
  close(): Promise<void>;
}

/** Exports of the entry as far as they are used. */
interface NodeEntry {
  openModel(path: string): Promise<Model>;
  createWasmKernels(options: { threads: number }): Promise<Kernels>;
  createSession(
    kernels: object,
    model: Model,
    options: { contextLength: number; exact: boolean },
  ): Promise<Omit<RunSession, 'close'> & { close(): void }>;
  evaluateModels(
    kernels: Kernels,
    reference: Model,
    candidate: Model,
    tokens: Int32Array,
    options: { length: number },
  ): Promise<object>;
  /** What jobs run on, since they are told; before, they found it themselves. */
  readonly nodeHost?: object;
  readonly WorkSession: {
    open(
      ...given: readonly [...host: object[], model: Model, options: { folder: string; threads: number; seed: number }]
    ): Promise<WorkSession>;
  };
}

const SEED = 1;

/** @param root folder of a commit with its packages and its kernels */
export async function loadLibrary(root: string): Promise<Library> {
  const entry = await importEntry(root);
  const kept = new Map<number, Promise<Kernels>>();
  const kernelsOf = (threads: number): Promise<Kernels> => {
    const known = kept.get(threads) ?? entry.createWasmKernels({ threads });
    kept.set(threads, known);
    return known;
  };
  return {
    async openSession({ file, threads, exact }, contextLength) {
      const model = await entry.openModel(file);
      const kernels = await kernelsOf(threads);
      const session = await entry.createSession(kernels.device ?? kernels, model, { contextLength, exact });
      return {
        prefill: (tokens) => session.prefill(tokens),
        decode: (token) => session.decode(token),
        rewind: (position) => session.rewind(position),
        close: async () => {
          await session.close();
          await model.close();
        },
      };
    },
    measure: (job) => measure(entry, job),
    async evaluate(reference, candidate, threads, tokens, length) {
      const models = [await entry.openModel(reference), await entry.openModel(candidate)];
      const result = await entry.evaluateModels(await kernelsOf(threads), models[0], models[1], tokens, { length });
      for (const model of models) await model.close();
      return result;
    },
  };
}

async function importEntry(root: string): Promise<NodeEntry> {
  const path = (name: string): string => join(root, 'src', name);
  const load = async (name: string): Promise<Partial<NodeEntry>> => await import(pathToFileURL(path(name)).href);
  const before = await load('node.ts');
  if (existsSync(path('parts.node.ts'))) return { ...(await load('parts.node.ts')), ...before } as NodeEntry;
  return { ...before, WorkSession: (before as { Session: NodeEntry['WorkSession'] }).Session } as NodeEntry;
}

async function measure(entry: NodeEntry, job: MeasureJob): Promise<Measured> {
  const { file, threads, folder, palette, activations } = job;
  const tokens = { ...job.tokens, ids: Int32Array.from(job.tokens.ids) };
  const host = entry.nodeHost === undefined ? [] : [entry.nodeHost];
  const session = await entry.WorkSession.open(...host, await entry.openModel(file), { folder, threads, seed: SEED });
  const measurement = await session.measure(tokens);
  const workspace = await session.workspace(measurement);
  const weights = (await session.price(measurement, workspace, 'gptq', palette)) as Measured['weights'];
  const text = async () => tokens;
  const before = await session.priceRun?.(text, workspace, { cache: true, activations });
  const cache = before?.cache ?? (await session.priceRunning!(text, workspace, { states: true }));
  const edges =
    before?.activations ?? (await session.priceRunning!(text, workspace, { states: false, edges: activations }));
  await workspace.close();
  await session.close();
  return { measurement, weights, cache: named(cache), activations: named(edges) };
}
