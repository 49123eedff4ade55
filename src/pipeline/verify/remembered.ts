import type { BitPlan } from '../../allocate/types.ts';
import { type Corrections, learnCorrections, type Probe, TYPICAL_CORRECTION } from '../plan/corrections.ts';
import { type BitPlan1, current } from '../plan/version-1.ts';
import type { Budgets } from '../resources/table.ts';
import type { Deployment } from '../resources/types.ts';
import type { Workspace } from '../workspace.ts';
import type { SolverChoice } from './search.ts';

/** All that a plan depends on beside prices. */
export interface PlanRequest extends SolverChoice, Deployment {
  readonly budgets: Budgets;
  readonly rounding: string;
  readonly palette?: readonly string[];
  readonly activations?: readonly number[];
}

/** A true evaluation with the name of the text that it saw. */
interface KeptProbe {
  readonly text: string;
  readonly probe: Probe;
}

/** Probes that are kept: those of about sixteen budgets. */
const MOST_PROBES = 128;

/**
 * What runs of one measurement teach later ones: a budget that `quantize` has met is answered with the same plan, and
 * predictions of any other are corrected by the probes of all. A file never depends on them, only what is told before there
 * is one.
 */
export class RememberedRuns {
  readonly #workspace: Pick<Workspace, 'memory' | 'exclusively'>;
  readonly #table: { readonly rounding: string };

  constructor(workspace: Pick<Workspace, 'memory' | 'exclusively'>, table: { readonly rounding: string }) {
    this.#workspace = workspace;
    this.#table = table;
  }

  /** The plan that a verified run chose for this request. */
  async plan(request: PlanRequest): Promise<BitPlan | undefined> {
    const kept = await this.#workspace.memory<BitPlan | BitPlan1>().get(requestKey(request));
    return kept && current(kept);
  }

  async remember(request: PlanRequest, plan: BitPlan): Promise<void> {
    await this.#workspace.memory<BitPlan>().put(requestKey(request), plan);
  }

  /**
   * What is known of how far predictions are off; what is typical while nothing is.
   * @param text name of the text that probes saw (`PlanJudge.text`); default any
   */
  async corrections(text?: string): Promise<Corrections> {
    const kept = (await this.#kept()).filter((each) => text === undefined || each.text === text);
    return kept.length === 0 ? TYPICAL_CORRECTION : learnCorrections(kept.map(({ probe }) => probe));
  }

  /** @param text name of the text that they saw */
  async rememberProbes(text: string, probes: readonly Probe[]): Promise<void> {
    if (probes.length === 0) return;
    const added = probes.map((probe): KeptProbe => ({ text, probe }));
    await this.#workspace.exclusively('probes', async () => {
      const all = new Map([...(await this.#kept()), ...added].map((each) => [nameOf(each), each]));
      await this.#workspace.memory().put(this.#key, [...all.values()].slice(-MOST_PROBES));
    });
  }

  async #kept(): Promise<readonly KeptProbe[]> {
    return (await this.#workspace.memory<readonly KeptProbe[]>().get(this.#key)) ?? [];
  }

  get #key(): string {
    return JSON.stringify(['probes', this.#table.rounding]);
  }
}

/** The same matrices in the same formats on the same text are one probe. */
function nameOf({ text, probe }: KeptProbe): string {
  return JSON.stringify([text, probe.matrices]);
}

/** Absent choices and their defaults are one request. */
export function requestKey(request: PlanRequest): string {
  const { budgets, rounding, palette, activations, fuse, kvUniform, context, threads } = request;
  const { solver, evaluations, objective, mostFormats, seed } = request;
  const sorted = Object.entries(budgets).sort(([a], [b]) => (a < b ? -1 : 1));
  const told = budgets.memory === undefined && budgets.latency === undefined ? undefined : threads;
  return JSON.stringify([
    'plan',
    ...[sorted, rounding, palette ?? null, activations ?? null, fuse ?? false, kvUniform ?? false],
    ...[context ?? null, told ?? null, solver ?? null, evaluations ?? null, seed ?? 0],
    ...[objective ?? null, mostFormats ?? null],
  ]);
}
