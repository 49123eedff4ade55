import { solve } from '../../src/allocate/solve.ts';
import type { BitPlan } from '../../src/allocate/types.ts';
import { networkDivergence, networkOutputs } from '../../src/evaluate/network.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { measureNetwork } from '../../src/measure/measure.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { Measurement } from '../../src/measure/types.ts';
import type { Network } from '../../src/model/types.ts';
import { format, rowBytes } from '../../src/numeric/table.ts';
import type { Objective } from '../../src/objective/types.ts';
import { type BlockStore, encodePlan, plannedFormat } from '../../src/quantize/encode.ts';
import { type JobRunner, priceFormats, roundRows } from '../../src/quantize/jobs.ts';
import { quantizedModel } from '../../src/quantize/quantized.ts';
import { matrices, priceModel, type SensitivityTable } from '../../src/quantize/sensitivity.ts';
import type { Sequences } from '../../src/run/sequences.ts';

/** What plans and uniform files choose from, 1.6 to 16 bits. */
export const PALETTE = [
  ...['IQ1_S', 'IQ2_XXS', 'IQ2_S', 'Q2_K', 'IQ3_XXS', 'IQ3_S', 'Q3_K', 'IQ4_XS', 'Q4_K', 'Q5_K', 'Q6_K'],
  ...['Q2_0', 'MXFP4', 'Q4_0', 'Q4_1', 'IQ4_NL', 'Q5_0', 'Q5_1', 'Q8_0', 'F16'],
];

/** A network measured and priced. */
export interface Priced {
  readonly network: Network;
  readonly objective: Objective;
  readonly measurement: Measurement;
  readonly table: SensitivityTable;
}

function runnerOn(kernels: Kernels): JobRunner {
  return {
    concurrency: 1,
    round: async (job) => roundRows(kernels, job),
    price: async (job) => priceFormats(kernels, job),
    close: async () => {},
  };
}

/** Measures on some data and prices every candidate with feedback. */
export async function priced(
  kernels: Kernels,
  network: Network,
  objective: Objective,
  sequences: Sequences,
  seed: number,
): Promise<Priced> {
  const data = { sequences, digest: `${sequences.sequences} images, seed ${seed}`, objective };
  const measurement = await measureNetwork(kernels, network, data, { store: memoryStore(), seed });
  const options = { rounding: 'gptq', palette: PALETTE } as const;
  return { network, objective, measurement, table: await priceModel(network, measurement, runnerOn(kernels), options) };
}

/** One format everywhere, where it fits. */
export function uniformPlan(name: string): BitPlan {
  return { version: 2, rounding: 'gptq', sites: {}, default: name };
}

export function planBytes(network: Network, plan: BitPlan): number {
  return matrices(network).reduce((sum, tensor) => {
    const [rows, columns] = tensor.shape;
    return sum + rows * rowBytes(format(plannedFormat(plan, tensor)), columns);
  }, 0);
}

/** The exact best plan within bytes by losses of candidates. */
export async function bestPlan(
  { table }: Priced,
  bytes: number,
  loss: (tensor: string, format: string) => number,
): Promise<BitPlan> {
  const groups = table.tensors.map(({ tensor, rows, columns, prices }) => ({
    id: tensor,
    options: prices.map(({ format: name }) => ({
      id: name,
      costs: { bytes: rows * rowBytes(format(name), columns) },
      loss: loss(tensor, name),
    })),
  }));
  const { status, choice } = await solve({ groups, budgets: { bytes } });
  if (status !== 'optimal') throw new Error(`solver: ${status}`);
  const sites = Object.fromEntries(groups.map(({ id, options }, i) => [id, options[choice[i]].id]));
  return { version: 2, rounding: 'gptq', sites };
}

/** By the measured prices. */
export function predictedLoss({ table }: Priced): (tensor: string, format: string) => number {
  const found = new Map(table.tensors.map(({ tensor, prices }) => [tensor, prices]));
  return (tensor, name) => found.get(tensor)!.find(({ format: each }) => each === name)!.loss;
}

/** By the squared error of weights rounded to nearest. */
export async function weightError({ network, table }: Priced, kernels: Kernels) {
  const errors = new Map<string, number>();
  for (const { tensor, columns, prices } of table.tensors) {
    const weight = await network.tensors.get(tensor)!.load();
    const diagonal = new Float32Array(columns).fill(1);
    for (const { format: name } of prices) {
      const curvature = { columns, diagonal, damping: 0 };
      const rows = weight.length / columns;
      const blocks = roundRows(kernels, { kind: 'round', format: name, rounding: 'nearest', rows, weight, curvature });
      const values = new Float32Array(weight.length);
      format(name).decodeBlocks(blocks, values);
      errors.set(
        `${tensor} ${name}`,
        weight.reduce((sum, value, i) => sum + (value - values[i]) ** 2, 0),
      );
    }
  }
  return (tensor: string, name: string): number => errors.get(`${tensor} ${name}`)!;
}

/** Rounds a plan with feedback and measures what it loses on data that nothing saw before. */
export async function divergenceOf(
  kernels: Kernels,
  priced: Priced,
  plan: BitPlan,
  unseen: Sequences,
): Promise<number> {
  const { network, measurement, objective } = priced;
  const blocks = new Map<string, Uint8Array>();
  const store: BlockStore = {
    has: async (key) => blocks.has(key),
    get: async (key) => blocks.get(key),
    put: async (key, value) => void blocks.set(key, value),
  };
  await encodePlan(network, plan, measurement, runnerOn(kernels), store);
  const made = quantizedModel(network, plan, store);
  const reference = await networkOutputs(kernels.device, network, unseen);
  const outputs = await networkOutputs(kernels.device, made, unseen);
  return (await networkDivergence(kernels, [reference, outputs], objective)).mean;
}
