import type { BitPlan } from '../../allocate/types.ts';
import type { SensitivityTable } from '../../quantize/sensitivity.ts';
import { type Corrections, learnCorrections, type Probe } from '../plan/corrections.ts';
import type { Budgets } from '../resources/table.ts';
import type { Deployment } from '../resources/types.ts';
import type { Workspace } from '../workspace.node.ts';
import type { SolverChoice } from './search.node.ts';

/** All that a plan depends on beside prices. */
export interface PlanRequest extends SolverChoice, Deployment {
  readonly budgets: Budgets;
  readonly rounding: string;
  readonly palette?: readonly string[];
  readonly activations?: readonly number[];
}

/** True evaluations of one run, under what tells it from others. */
interface ProbedRun {
  readonly key: string;
  readonly probes: readonly Probe[];
}

/** Runs whose probes are kept: what predictions are off by is learned from a few. */
const MOST_RUNS = 32;

/**
 * What verified runs of one measurement teach later plans: `plan` answers a budget that `quantize` has met with the same
 * plan, and corrects predictions of any other by the probes of all.
 */
export class RememberedRuns {
  readonly #workspace: Pick<Workspace, 'memory' | 'exclusively'>;
  readonly #table: Pick<SensitivityTable, 'rounding'>;

  constructor(workspace: Pick<Workspace, 'memory' | 'exclusively'>, table: Pick<SensitivityTable, 'rounding'>) {
    this.#workspace = workspace;
    this.#table = table;
  }

  /** The plan that a verified run chose for this request. */
  async plan(request: PlanRequest): Promise<BitPlan | undefined> {
    return await this.#workspace.memory<BitPlan>().get(requestKey(request));
  }

  /** What is known of how far predictions are off; nothing: no correction. */
  async corrections(): Promise<Corrections> {
    return learnCorrections((await this.#runs()).flatMap(({ probes }) => probes));
  }

  async remember(request: PlanRequest, plan: BitPlan, probes: readonly Probe[]): Promise<void> {
    await this.#workspace.memory<BitPlan>().put(requestKey(request), plan);
    await this.rememberProbes(requestKey(request), probes);
  }

  /** @param key what tells this run from others: its own probes are replaced */
  async rememberProbes(key: string, probes: readonly Probe[]): Promise<void> {
    if (probes.length === 0) return;
    await this.#workspace.exclusively('probes', async () => {
      const others = (await this.#runs()).filter((run) => run.key !== key);
      await this.#workspace.memory().put(this.#key, [...others, { key, probes }].slice(-MOST_RUNS));
    });
  }

  async #runs(): Promise<readonly ProbedRun[]> {
    return (await this.#workspace.memory<readonly ProbedRun[]>().get(this.#key)) ?? [];
  }

  get #key(): string {
    return JSON.stringify(['probes', this.#table.rounding]);
  }
}

/** Absent choices and their defaults are one request. */
export function requestKey(request: PlanRequest): string {
  const { budgets, rounding, palette, activations, fuse, kvUniform, context, threads, solver, evaluations, seed } =
    request;
  const sorted = Object.entries(budgets).sort(([a], [b]) => (a < b ? -1 : 1));
  const told = budgets.memory === undefined && budgets.latency === undefined ? undefined : threads;
  return JSON.stringify([
    'plan',
    ...[sorted, rounding, palette ?? null, activations ?? null, fuse ?? false, kvUniform ?? false],
    ...[context ?? null, told ?? null, solver ?? null, evaluations ?? null, seed ?? 0],
  ]);
}
