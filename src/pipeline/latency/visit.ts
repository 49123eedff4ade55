import type { Kernels } from '../../kernels/contract.ts';
import { pricedCacheFormats } from '../../model/cache-formats.ts';
import { sitesOf } from '../../model/sites.ts';
import type { Model, ModelTensor, Roundings } from '../../model/types.ts';
import { bitsPerWeight, format } from '../../numeric/table.ts';
import type { Effort } from './decode.ts';
import { observeTokens, type TypicalToken } from './observe.ts';
import { FLOAT_KERNEL, shapeOf } from './predict.ts';
import { productBytes, productsOf } from './products.ts';
import { fittingFormat, syntheticWeights } from './synthetic.ts';
import type { LatencyRound } from './types.ts';

/** Enough for medians over tokens, little enough for all kernels to be visited within seconds. */
const EFFORT: Effort = { tokens: 4, milliseconds: 60 };

/** Weights beyond this do not stay in the last cache of ordinary machines: more blocks would tell the same. */
const MOST_BYTES = 256 * 2 ** 20;

export interface Visit {
  /** The kernel visited. */
  readonly name: string;
  /** All kernels that plans may use. */
  readonly names: readonly string[];
  readonly round: number;
  readonly context: number;
}

/**
 * Decodes some tokens with a model of which every second matrix of a shape, and those that are alone in theirs, are in one
 * kernel's format where it fits. The others go through the kernels nearest in bytes: plans are mixtures, and in the embedded
 * model a product after one of another kernel takes one or two microseconds more than after one of its own. Far larger
 * ones would drive its weights out of caches that they stay in when used (10 % for the embedded model).
 */
export async function visit(
  kernels: Kernels,
  model: Model,
  { name, names, round, context }: Visit,
  signal?: AbortSignal,
): Promise<LatencyRound> {
  const layers = layersInMemory(model, name);
  const near = nearest(name, names);
  const others = new Map(mixedIn(model, layers, round).map((tensor, i) => [tensor, near[(i + round) % near.length]]));
  const formatOf = (tensor: ModelTensor): string => fitting(others.get(tensor) ?? name, tensor);
  const weights = syntheticWeights(model, formatOf, layers);
  const cached = { ...weights, roundings: cachesIn(weights, name) };
  const token = await observeTokens(kernels, cached, { context, effort: EFFORT, signal });
  return {
    fixed: (token.between * model.config.layers) / layers + token.sampling,
    products: averageByShape(cached, token, name),
  };
}

/** Kernels that a visited one is mixed with: fewer would repeat its predecessors, more would be too unlike. */
const COMPANIONS = 5;

/** The kernels nearest in bytes of a weight, the kernel itself among them. */
function nearest(name: string, names: readonly string[]): string[] {
  const bits = (kernel: string): number => bitsPerWeight(format(kernel === FLOAT_KERNEL ? 'F32' : kernel));
  const distance = (kernel: string): number => Math.abs(Math.log(bits(kernel) / bits(name)));
  return names.toSorted((a, b) => distance(a) - distance(b)).slice(0, COMPANIONS);
}

/** Matrices of the first blocks that are not in the visited kernel's format in a round. */
function mixedIn(model: Model, layers: number, round: number): ModelTensor[] {
  const kept = sitesOf(model)
    .filter(({ kind, isMultiplied }) => kind === 'weight' && isMultiplied)
    .map(({ id }) => model.tensors.get(id)!)
    .filter(({ layer }) => layer < layers);
  const alike = Map.groupBy(kept, ({ shape, experts = 1 }) => [...shape, experts].join(' '));
  return [...alike.values()].flatMap((group) =>
    group.length > 1 ? group.filter((_, i) => (i + round) % 2 === 1) : [],
  );
}

function fitting(kernel: string, { shape }: ModelTensor): string {
  return kernel === FLOAT_KERNEL ? kernel : fittingFormat(kernel, shape[1]);
}

/** Blocks that stand for all of a large model: times of a block do not depend on how many there are. */
function layersInMemory(model: Model, name: string): number {
  const formatOf = (tensor: ModelTensor): string => (name === FLOAT_KERNEL ? 'F32' : fitting(name, tensor));
  const products = productsOf(model, (id) => formatOf(model.tensors.get(id)!));
  const bytes = (layer: number): number =>
    productBytes(products.filter(({ site }) => model.tensors.get(site)!.layer === layer));
  const most = Math.floor((MOST_BYTES - bytes(-1)) / bytes(0));
  return Math.min(model.config.layers, Math.max(2, most));
}

/** Every state that can be kept in the visited kernel's format. */
function cachesIn(model: Model, name: string): Roundings {
  const states = sitesOf(model).filter(({ kind, span }) => kind === 'state' && pricedCacheFormats(span).includes(name));
  return new Map(states.map(({ id }) => [id, name]));
}

/** The mean over the sites of a shape, which differ in where they lie. */
function averageByShape(model: Model, { calls }: TypicalToken, kernel: string): Record<string, number> {
  const shapes = new Map(sitesOf(model).map((site) => [site.id, shapeOf(site)]));
  const own = calls.filter((call) => call.kernel === kernel);
  return Object.fromEntries(
    [...Map.groupBy(own, ({ site }) => shapes.get(site)!)].map(([shape, group]) => [
      shape,
      group.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / group.length,
    ]),
  );
}
