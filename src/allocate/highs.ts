import type { Highs, InitOptions, ModelData } from 'highs';
import { locatedAsset } from '../core/assets.ts';

/**
 * The mixed-integer solver HiGHS as WebAssembly, loaded at first use: the one file that knows the package.
 * @see Huangfu and Hall, "Parallelizing the dual revised simplex method", Mathematical Programming Computation 10 (2018)
 */
export interface Program {
  /** Minimized. [columns] */
  readonly cost: number[];
  /** [columns] */
  readonly lower: number[];
  readonly upper: number[];
  readonly integer: boolean[];
  readonly rows: readonly Row[];
}

/** lower ≤ Σ value[k] × column[k] ≤ upper */
export interface Row {
  readonly lower: number;
  readonly upper: number;
  readonly column: readonly number[];
  readonly value: readonly number[];
}

export interface ProgramOptions {
  /** Most iterations of the simplex method, in all nodes together: what decides when to stop, the same on every machine. */
  readonly iterations?: number;
  /** Most nodes of the search tree. */
  readonly nodes?: number;
  /** Columns' values to start from. */
  readonly start?: ArrayLike<number>;
}

export interface ProgramResult {
  readonly status: 'optimal' | 'stopped' | 'infeasible';
  /** Best known columns; none when none are. */
  readonly value?: Float64Array;
  /** Proven lower bound of the objective. */
  readonly bound: number;
  /** Of the simplex method. */
  readonly iterations: number;
  /** Stopped by `MOST_SECONDS`: on another machine the answer may be another. */
  readonly byClock: boolean;
}

/** No program takes so long but by mistake, such as one iteration without end. */
const MOST_SECONDS = 1800;

/** HiGHS's own measure of what is whole and what is kept, absolute. */
const TOLERANCE = 1e-9;

let loading: Promise<Highs> | undefined;

async function load(): Promise<Highs> {
  // The package's declarations describe CommonJS, where the loader stands under `default`; its ES module exports it itself.
  const loader = (await import('highs')).default as unknown as (options?: InitOptions) => Promise<Highs>;
  const wasm = locatedAsset('highs.wasm');
  return await loader(wasm && { locateFile: () => wasm.href });
}

/** Minimizes. Runs on the calling thread without pause. */
export async function runHighs(program: Program, options: ProgramOptions = {}): Promise<ProgramResult> {
  loading ??= load();
  const highs = await loading;
  return highs.withModel(modelData(program), (model): ProgramResult => {
    const integer = program.integer.some(Boolean);
    model.options.set({
      output_flag: false,
      mip_rel_gap: 0,
      mip_abs_gap: 0,
      mip_feasibility_tolerance: TOLERANCE,
      primal_feasibility_tolerance: TOLERANCE,
      dual_feasibility_tolerance: TOLERANCE,
      time_limit: MOST_SECONDS,
      ...(options.nodes === undefined ? {} : { mip_max_nodes: options.nodes }),
    });
    if (options.start) model.setSolution({ colValue: Float64Array.from(options.start) });
    const { modelStatus: known, callbackType } = highs.constants;
    let iterations = 0;
    const { modelStatus } = model.run({
      [callbackType.mipInterrupt]({ data, interrupt }): undefined {
        iterations = Number(data.mip_total_lp_iterations);
        if (iterations > (options.iterations ?? Infinity)) interrupt();
      },
    });
    if (modelStatus === known.infeasible || modelStatus === known.unboundedOrInfeasible)
      return { status: 'infeasible', bound: Infinity, iterations, byClock: false };
    const optimal = modelStatus === known.optimal;
    const found = Number(model.info.get('primal_solution_status')) === highs.constants.solutionStatus.feasible;
    const bound = integer ? Number(model.info.get('mip_dual_bound')) : optimal ? model.getObjectiveValue() : -Infinity;
    return {
      status: optimal ? 'optimal' : 'stopped',
      value: found ? model.getSolution().colValue : undefined,
      bound: Number.isFinite(bound) ? bound : -Infinity,
      iterations,
      byClock: modelStatus === known.timeLimit,
    };
  });
}

function modelData({ cost, lower, upper, integer, rows }: Program): ModelData {
  const starts = new Int32Array(rows.length + 1);
  for (let r = 0; r < rows.length; r++) starts[r + 1] = starts[r] + rows[r].column.length;
  return {
    numCols: cost.length,
    numRows: rows.length,
    colCost: cost,
    colLower: lower,
    colUpper: upper,
    rowLower: rows.map((row) => row.lower),
    rowUpper: rows.map((row) => row.upper),
    integrality: Int32Array.from(integer, Number),
    matrix: {
      format: 'csr',
      numRows: rows.length,
      numCols: cost.length,
      starts,
      indices: rows.flatMap((row) => row.column),
      values: rows.flatMap((row) => row.value),
    },
  };
}
