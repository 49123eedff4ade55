import type { BitPlan } from '../allocate/types.ts';
import { BitbudgetError } from '../core/errors.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { partsOf } from '../measure/parts.ts';
import type { TensorMeasurement } from '../measure/types.ts';
import type { ModelTensor, Network } from '../model/types.ts';
import { format } from '../numeric/table.ts';
import { storable } from './candidates.ts';
import { concurrently } from './concurrent.ts';
import { diagonalCurvature, fullCurvature } from './curvature.ts';
import type { JobRunner } from './jobs.ts';
import { matrices } from './sensitivity.ts';
import type { Curvature, RoundingName } from './types.ts';

/** Keeps finished blocks of matrices by key, so that interrupted work goes on and a corrected plan redoes only what changed. */
export interface BlockStore {
  has(key: string): Promise<boolean>;
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, blocks: Uint8Array): Promise<void>;
}

/** A slice of a matrix in its final format, and where its blocks are kept. */
export interface Slice {
  readonly tensor: ModelTensor;
  /** Name of the measurement that it belongs to. */
  readonly measured: string;
  readonly format: string;
  readonly startRow: number;
  readonly endRow: number;
  readonly key: string;
}

/** Weights of one job: bounds a worker's memory and evens out the load. */
const SLICE_WEIGHTS = 1 << 22;

/** Format that a plan names for a matrix. @throws BitbudgetError when it names none */
export function askedFormat(plan: BitPlan, { name }: ModelTensor): string {
  const asked = plan.sites[name] ?? plan.default;
  if (asked !== undefined) return asked;
  throw new BitbudgetError(`plan names no format for ${name} and has no default; add it to "sites" or set "default"`);
}

/** Format of a matrix under a plan; names that no container can hold for this shape become the next that it can. */
export function plannedFormat(plan: BitPlan, tensor: ModelTensor): string {
  return storable(format(askedFormat(plan, tensor)), { columns: tensor.shape[1] }).name;
}

/** Formats of a tensor's matrices: one, or of stacked ones each. @throws BitbudgetError for another number of experts */
function partFormats(plan: BitPlan, tensor: ModelTensor): string[] {
  const own = plan.experts?.[tensor.name];
  const count = tensor.experts ?? 1;
  if (own === undefined) return new Array<string>(count).fill(plannedFormat(plan, tensor));
  if (own.length !== count)
    throw new BitbudgetError(
      `plan: has ${own.length} formats for ${count} matrices of ${tensor.name}; give one for each`,
    );
  return own.map((name) => storable(format(name), { columns: tensor.shape[1] }).name);
}

/** The slices a plan is carried out in, in file order. */
export function slices(model: Network, plan: BitPlan): Slice[] {
  return matrices(model).flatMap((tensor) => {
    const formats = partFormats(plan, tensor);
    const step = Math.max(1, Math.floor(SLICE_WEIGHTS / tensor.shape[1]));
    return partsOf(tensor).flatMap((part, expert) =>
      Array.from({ length: Math.ceil((part.endRow - part.startRow) / step) }, (_, i): Slice => {
        const startRow = part.startRow + i * step;
        const endRow = Math.min(part.endRow, startRow + step);
        const name = formats[expert];
        const key = JSON.stringify([tensor.name, name, plan.rounding, startRow, endRow]);
        return { tensor, measured: part.name, format: name, startRow, endRow, key };
      }),
    );
  });
}

/** Where rounding learns what errors cost; plans that need none (F32, F16, BF16) have no such source. */
export type CurvatureSource = MeasuredCurvature | KnownCurvature;

interface MeasuredCurvature {
  /** @param name of a measured matrix */
  read(name: string): Promise<TensorMeasurement>;
}

interface KnownCurvature {
  curvature(name: string, columns: number): Curvature;
}

/** Rounds every matrix of the model as the plan says, on all cores, into the store; what it holds already is left. */
export async function encodePlan(
  model: Network,
  plan: BitPlan,
  measured: CurvatureSource | undefined,
  runner: JobRunner,
  store: BlockStore,
  options: WorkOptions = {},
): Promise<void> {
  const wanted = slices(model, plan);
  const kept = await Promise.all(wanted.map(({ key }) => store.has(key)));
  const work = wanted.filter((_, i) => !kept[i]);
  const total = work.reduce((sum, slice) => sum + weights(slice), 0);
  let done = 0;
  const curvatures = new CurvatureCache(measured);
  await concurrently(work, runner.concurrency + 1, async (slice) => {
    await checkpoint(options.signal);
    await store.put(slice.key, await encodeSlice(slice, plan, curvatures, runner, options.signal));
    done += weights(slice);
    options.onProgress?.({ stage: 'quantizing', done, total, unit: 'weights', detail: slice.tensor.name });
  });
}

async function encodeSlice(
  { tensor, measured, format: name, startRow, endRow }: Slice,
  plan: BitPlan,
  curvatures: CurvatureCache,
  runner: JobRunner,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const target = format(name);
  const kept = tensor.format === name ? await tensor.loadBlocks?.(startRow, endRow) : undefined;
  if (kept !== undefined) return kept;
  return await runner.round(
    {
      kind: 'round',
      format: name,
      rounding: plan.rounding as RoundingName,
      rows: endRow - startRow,
      weight: await tensor.load(startRow, endRow),
      curvature: await curvatures.of(measured, tensor.shape[1], (target.grid ?? target.points) !== undefined),
    },
    signal,
  );
}

function weights({ tensor, startRow, endRow }: Slice): number {
  return (endRow - startRow) * tensor.shape[1];
}

/** The curvature of the matrix at hand; slices of one matrix follow each other, so one is remembered. */
class CurvatureCache {
  readonly #measured: CurvatureSource | undefined;
  #last: { name: string; curvature: Promise<Curvature> } | undefined;

  constructor(measured: CurvatureSource | undefined) {
    this.#measured = measured;
  }

  async of(name: string, columns: number, searched: boolean): Promise<Curvature> {
    const flat = (): Curvature => diagonalCurvature(new Float32Array(columns).fill(1));
    const measured = this.#measured;
    if (!searched || measured === undefined) return flat();
    if (this.#last?.name !== name) {
      const curvature = async () =>
        'read' in measured ? fullCurvature(await measured.read(name)) : measured.curvature(name, columns);
      this.#last = { name, curvature: curvature() };
    }
    return this.#last.curvature;
  }
}
