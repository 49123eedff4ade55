import type { Kernels } from '../kernels/contract.ts';
import type { ModelConfig } from '../model/types.ts';
import {
  allocateActivations,
  type Batch,
  type BlockActivations,
  type BlockWeights,
  blockForward,
  blockTensorNames,
} from '../run/block.ts';
import { allocateGradients, type BlockGradients, blockBackward } from './backward.ts';
import {
  addLinear,
  columnEnergy,
  type FactorSums,
  finishHalf,
  freeFactors,
  measuredUse,
  openFactors,
} from './factors.ts';
import type { SequenceBatch } from './plan.ts';
import type { UseMeasurement } from './types.ts';

/** Linear layers of a block and the activation each one reads. */
export const LINEARS = [
  ['q', 'attnIn'],
  ['k', 'attnIn'],
  ['v', 'attnIn'],
  ['o', 'attnOut'],
  ['gate', 'ffnIn'],
  ['up', 'ffnIn'],
  ['down', 'ffnAct'],
] as const satisfies readonly (readonly [keyof BlockWeights & keyof BlockGradients, keyof BlockActivations])[];

/** One block being measured. */
export interface MeasuredBlock {
  readonly config: ModelConfig;
  readonly weights: BlockWeights;
  readonly factors: readonly FactorSums[]; // in the order of LINEARS
}

export function openBlock(
  kernels: Kernels,
  config: ModelConfig,
  weights: BlockWeights,
  layer: number,
  sequences: number,
): MeasuredBlock {
  const width = {
    attnIn: config.hidden,
    attnOut: config.heads * config.headDim,
    ffnIn: config.hidden,
    ffnAct: config.feedForward,
  };
  const factors = LINEARS.map(([name, input]) =>
    openFactors(
      kernels,
      `blk.${layer}.${blockTensorNames[name]}`,
      weights[name] as Float32Array,
      width[input],
      sequences,
    ),
  );
  return { config, weights, factors };
}

export function closeBlock(kernels: Kernels, block: MeasuredBlock): void {
  for (const sums of block.factors) freeFactors(kernels, sums);
}

/**
 * Recomputes the block on one batch, takes the gradient back through it and adds to the factors.
 * @param x the block's input, [tokens, hidden]
 * @param gradient at the block's output; overwritten with the gradient at its input. [tokens, hidden]
 */
export function measureBlockBatch(
  kernels: Kernels,
  block: MeasuredBlock,
  batch: Batch,
  plan: SequenceBatch,
  x: Float32Array,
  gradient: Float32Array,
): void {
  const { config, weights } = block;
  const qkNorm = weights.qNorm !== undefined;
  kernels.scope(() => {
    const kept = allocateActivations(kernels, config, plan.tokens, qkNorm);
    const d = allocateGradients(kernels, config, plan.tokens, qkNorm);
    const input = kernels.upload(x);
    // The forward pass overwrites its input: `normed` lends memory that is free until the backward pass.
    d.normed.set(x);
    blockForward(kernels, config, weights, d.normed, batch, kept);
    d.down.set(gradient);
    blockBackward(kernels, config, weights, input, batch, kept, d);
    gradient.set(d.input);
    addBatch(kernels, block, kept, d, plan);
  });
  if (plan.last) for (const sums of block.factors) finishHalf(kernels, sums);
}

function addBatch(
  kernels: Kernels,
  block: MeasuredBlock,
  kept: BlockActivations,
  d: BlockGradients,
  plan: SequenceBatch,
): void {
  const energies = new Map<string, Float64Array>();
  LINEARS.forEach(([name, input], i) => {
    const sums = block.factors[i];
    const energy = energies.get(input) ?? columnEnergy(kept[input], sums.columns);
    energies.set(input, energy);
    addLinear(kernels, sums, kept[input], energy, d[name], plan.order);
  });
}

export function measuredUses(block: MeasuredBlock): UseMeasurement[] {
  return block.factors.map(measuredUse);
}
