import type { BitPlan } from '../../allocate/types.ts';
import { partOf, type WorkOptions } from '../../core/progress.ts';
import type { Measurement } from '../../measure/types.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { modelFileSize } from '../../model/write-gguf.ts';
import { format } from '../../numeric/table.ts';
import { fits, matrixFacts } from '../../quantize/candidates.ts';
import { importanceCurvature } from '../../quantize/curvature.ts';
import { type CurvatureSource, plannedFormat } from '../../quantize/encode.ts';
import { matrices, priceModel, type SensitivityTable } from '../../quantize/sensitivity.ts';
import type { Curvature } from '../../quantize/types.ts';
import type { Corrections } from '../plan/corrections.ts';
import { Planner } from '../plan/planner.ts';
import { weightCount } from '../plan/wishes.ts';
import type { Session } from '../session.ts';
import type { PlanJudge } from '../verify/judge.ts';
import type { Workspace } from '../workspace.ts';
import { RECIPES, type Recipe, recipePlan } from './recipe.ts';
import type { Peer, PeerModel } from './types.ts';

/** What peers are predicted from. */
export interface PeerSetting {
  readonly session: Session;
  readonly measurement: Measurement;
  readonly workspace: Workspace;
  /** Prices of our own rounding: without them nothing is told of a single type. */
  readonly table?: SensitivityTable;
  readonly corrections: Corrections;
}

/** Sizes within this share of the result's count as about the same. */
const ABOUT = 0.1;

/**
 * What the files would lose that one would take without this program: llama-quantize's, and the best single type of about this size.
 * Prices of llama-quantize's rounding are kept.
 */
export async function predictPeers(setting: PeerSetting, fileBytes: number, work: WorkOptions = {}): Promise<Peer[]> {
  const { session, measurement, workspace, table, corrections } = setting;
  const { model } = session;
  const plans = heldRecipes(session).map((recipe) => ({ name: recipe.name, plan: recipePlan(model, recipe) }));
  const used = [...new Set(plans.flatMap(({ plan }) => Object.values(plan.sites)))];
  const importance = importanceOf(measurement);
  const own = table === undefined ? [] : bestSingleType(model, table, corrections, fileBytes);
  if (plans.length === 0) return own;
  const theirs = await priceModel(model, measurement, session.runner, {
    ...partOf(work, 'peers', 0, 1),
    rounding: 'llama-quantize',
    palette: used,
    memory: workspace.memory(),
    magnitudes: session.magnitudes,
    curvatureOf: importance,
  });
  const planner = new Planner({ model, table: theirs });
  const named = plans.map(({ name, plan }) =>
    predicted(model, planner.predict(plan, corrections), name, 'llama-quantize'),
  );
  return [...named, ...own];
}

/** Recipes whose types can hold the model. */
export function heldRecipes(session: Session): Recipe[] {
  return RECIPES.filter((recipe) => isHeld(recipePlan(session.model, recipe), session));
}

/** Whether all matrices are within the reach of the types that a plan gives them. */
function isHeld({ sites }: BitPlan, { model, magnitudes }: Session): boolean {
  return matrices(model).every((tensor) => fits(format(sites[tensor.name]), matrixFacts(tensor, magnitudes)));
}

/** Of all types everywhere of about this size the one that loses least; of none, the nearest in size. */
function bestSingleType(model: Model, table: SensitivityTable, corrections: Corrections, fileBytes: number): Peer[] {
  const planner = new Planner({ model, table });
  const names = new Set(table.tensors.flatMap(({ prices }) => prices.map(({ format }) => format)));
  const isPriced = pricedIn(table);
  const peers = [...names].flatMap((name): Peer[] => {
    const uniform: BitPlan = { version: 2, rounding: table.rounding, sites: {}, default: name };
    const sites = Object.fromEntries(matrices(model).map((tensor) => [tensor.name, plannedFormat(uniform, tensor)]));
    if (!isPriced(sites)) return [];
    const plan = planner.predict({ version: 2, rounding: table.rounding, sites }, corrections);
    return [predicted(model, plan, `${name} everywhere`, 'one type')];
  });
  const distance = (peer: Peer): number => Math.abs(peer.fileBytes / fileBytes - 1);
  const near = peers.filter((peer) => distance(peer) <= ABOUT);
  const [best] =
    near.length > 0
      ? near.sort((a, b) => a.predicted!.kl - b.predicted!.kl)
      : peers.sort((a, b) => distance(a) - distance(b));
  return best === undefined ? [] : [best];
}

/** Whether all formats of a plan have prices: a format that cannot hold a matrix has none. */
function pricedIn({ tensors }: SensitivityTable): (sites: BitPlan['sites']) => boolean {
  const known = new Map(tensors.map(({ tensor, prices }) => [tensor, new Set(prices.map(({ format }) => format))]));
  return (sites) => Object.entries(sites).every(([tensor, format]) => known.get(tensor)?.has(format));
}

function predicted(model: Model, { prediction }: BitPlan, name: string, kind: Peer['kind']): Peer {
  const { fileBytes, kl, klError, klInterval, corrected } = prediction!;
  return { name, kind, ...sizes(model, fileBytes), predicted: { kl, klError, klInterval, corrected } };
}

function sizes(model: Model, fileBytes: number): Pick<Peer, 'fileBytes' | 'bitsPerWeight'> {
  return { fileBytes, bitsPerWeight: (8 * fileBytes) / weightCount(model) };
}

/** Mean x² of every input column, as an importance matrix has it; of matrices that are only looked up nothing is known. */
function importanceOf({ summaries }: Measurement): (name: string, columns: number) => Curvature {
  const linear = new Map(summaries.filter(({ use }) => use === 'linear').map((each) => [each.tensor, each.importance]));
  return importanceCurvature(linear);
}

/** What llama-quantize's rounding learns from a measurement: its importance matrix. */
export function importanceSource(measurement: Measurement): CurvatureSource {
  return { curvature: importanceOf(measurement) };
}

/**
 * True KL of llama-quantize's files, which are made for it and not kept, and of files that the user has.
 * @param judge of the windows that the result is measured on, with `importanceSource`
 * @param predicted peers to complete; those that nothing was predicted for are added
 */
export async function measurePeers(
  model: Model,
  judge: PlanJudge,
  predicted: readonly Peer[],
  { recipes, models }: { readonly recipes: readonly Recipe[]; readonly models: readonly PeerModel[] },
  work: WorkOptions = {},
): Promise<Peer[]> {
  const parts = recipes.length + models.length;
  const measured: Peer[] = [];
  for (const [part, recipe] of recipes.entries()) {
    const plan = recipePlan(model, recipe);
    const { evaluation } = await judge.judge(plan, undefined, partOf(work, 'peers', part, parts));
    const formatOf = (tensor: ModelTensor): string => plan.sites[tensor.name];
    const known = predicted.find(({ name }) => name === recipe.name);
    const size = sizes(model, modelFileSize(model, { formatOf }));
    measured.push({ ...(known ?? { name: recipe.name, kind: 'llama-quantize', ...size }), measured: evaluation.kl });
  }
  for (const [i, { name, fileBytes, model: candidate }] of models.entries()) {
    const { evaluation } = await judge.judgeModel(candidate, partOf(work, 'peers', recipes.length + i, parts));
    measured.push({ name, kind: 'file', ...sizes(model, fileBytes), measured: evaluation.kl });
  }
  const isMeasured = ({ name }: Peer): boolean => measured.some((peer) => peer.name === name);
  return [...measured, ...predicted.filter((peer) => !isMeasured(peer))];
}
