import { cacheStates } from '../../graph/states.ts';
import type { PricedSite } from '../../measure/site-prices.ts';
import type { Site, SiteKind } from '../../model/sites.ts';
import type { Model } from '../../model/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import type { TypedMetadata } from '../../text/types.ts';
import type { LatencyTable } from '../latency/types.ts';

/** Notes that are written into every file; part of its size. */
export type Notes = ReadonlyMap<string, TypedMetadata>;

/** How the model will be run. */
export interface Deployment {
  /** Matrices that runtimes fuse share a format: q, k and v; gate and up. */
  readonly fuse?: boolean;
  /**
   * Tokens of context: what memory and the KV cache are told for, default the model's own and at most 4096, and costs per
   * decoded token, default at most 256.
   */
  readonly context?: number;
  /** Threads that memory is told for, default 1. */
  readonly threads?: number;
  /** One format for all keys and one for all values, as llama.cpp takes them. */
  readonly kvUniform?: boolean;
}

/** What plans are made for. */
export interface Setting extends Deployment {
  readonly model: Model;
  /** Prices of weights. */
  readonly table: SensitivityTable;
  /** Prices of edges and states, where theirs are to be chosen too. */
  readonly running?: readonly PricedSite[];
  readonly notes?: Notes;
  /** Times of this device, where latency matters. */
  readonly latency?: LatencyTable;
}

/** Context length of `run`, where none is given. */
const CONTEXT = 4096;

/** Tokens that memory and the KV cache are told for. */
export function heldContext({ model, context }: Setting): number {
  return context ?? Math.min(model.config.contextLength, CONTEXT);
}

/** Whether the formats of states are chosen: others stay float32. */
export function choosesStates({ model, running = [] }: Setting): boolean {
  const priced = new Set(running.map(({ site }) => site));
  return cacheStates(model.graph).some(({ name }) => priced.has(name));
}

/** A site with the option that it is given. */
export interface Choice {
  readonly site: Site;
  readonly option: string;
}

/** What a plan can be budgeted by, for one model. */
export interface Resource {
  readonly name: string;
  /** What is taken whatever is chosen, ≥ 0. */
  readonly fixed: number;
  /** What sites that are decided together take, ≥ 0: a weight and, where its inputs may be rounded, their edge; or a state. */
  cost(chosen: readonly Choice[]): number;
  /**
   * What all choices together take, where that is no sum: never more than `fixed` and their costs. Asked of finished plans
   * alone, as it takes longer.
   */
  taken?(chosen: readonly Choice[]): number;
  /** For messages, where the name does not say it. */
  readonly unit?: string;
  /** Of measured amounts: standard deviation of a plan's amount, its options by site. */
  spread?(optionOf: (site: string) => string): number;
}

/** A cost that sites have each by itself, by kind; kinds that are not given cost nothing. */
export function costOf(
  costs: Readonly<Partial<Record<SiteKind, (site: Site, option: string) => number>>>,
): Resource['cost'] {
  return (chosen) => chosen.reduce((sum, { site, option }) => sum + (costs[site.kind]?.(site, option) ?? 0), 0);
}
