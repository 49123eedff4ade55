import { GraphBuilder, producers } from '../graph/build.ts';
import { differentiate, pruned } from '../graph/differentiate.ts';
import { boundaryInputs } from '../graph/segments.ts';
import type { Graph, ValueId } from '../graph/types.ts';
import { type Dispatch, dispatchOf, type Use, usesOf } from '../graph/uses.ts';
import type { Objective } from '../objective/types.ts';
import { sketchStride } from './sketch.ts';

/** Rows of the output's matrix matter very unevenly (frequent tokens): more of them are sampled. */
const OUTPUT_SKETCH_ROWS = 8192;

/** A matrix being measured in a program, and where its sums are. */
export interface MeasuredNode {
  readonly use: Use;
  readonly rows: number;
  readonly columns: number;
  /** Every `stride`-th row is changed. */
  readonly stride: number;
  /** Whether its outputs are the model's. */
  readonly isOutput: boolean;
  /** Value: Σ_t x_t² of a batch, float64 [columns]. */
  readonly energy: ValueId;
  /** Value: the batch's sketch, float64 [4, sequences]. */
  readonly sketch: ValueId;
  /** State: Σ_t w_t·x_t·x_tᵀ, float32 [columns, columns]. */
  readonly gram: string;
  /** State: Σ_t g_ti², float64 [rows]; of outputs the objective knows it. */
  readonly rowEnergy: string;
  /** Weight: the changes of the rows that are changed, [rows / stride, columns]. */
  readonly delta: string;
}

/** A table whose rows are looked up, and the gradient at what was found. */
export interface LookedUp {
  readonly use: Use;
  readonly gradient: ValueId;
}

/** Stacked matrices whose rows stand in the order of experts. */
export interface GroupedNode extends Dispatch {
  readonly use: Use;
  /** Rows of one expert's matrix. */
  readonly rows: number;
  readonly columns: number;
  readonly gradient: ValueId;
}

/** A segment forwards and backwards, with the sums of its matrices. */
export interface MeasuringGraph {
  readonly graph: Graph;
  readonly linear: readonly MeasuredNode[];
  readonly grouped: readonly GroupedNode[];
  readonly lookups: readonly LookedUp[];
  /** Gradient of every value of earlier segments that the segment reads. */
  readonly gradients: ReadonlyMap<ValueId, ValueId>;
}

export interface ObjectiveOptions {
  /** For the last segments: labels are drawn at its output; others are given gradients of their outputs. */
  readonly objective?: Objective;
  /** Whether the network has one output for all tokens of a sequence, see `isPooled`; default no. */
  readonly pooled?: boolean;
}

/** Whether a network has one output for a sequence, whatever its length. */
export function isPooled({ values, outputs }: Graph): boolean {
  const [rows] = values[outputs[0]].shape;
  return typeof rows !== 'number' && rows.of === 'sequences';
}

/**
 * The measuring program of a segment.
 * @param isMeasured whether a tensor is to be measured: routers are not
 */
export function measuringGraph(
  part: Graph,
  isMeasured: (tensor: string) => boolean,
  { objective, pooled = false }: ObjectiveOptions = {},
): MeasuringGraph {
  const uses = usesOf(part).filter(({ tensor }) => isMeasured(tensor));
  const boundaries = boundaryInputs(part).filter((id) => part.values[id].type === 'f32');
  const wanted = [...boundaries, ...uses.map(({ output }) => output)];
  const scored = objective === undefined ? undefined : withScore(part, objective);
  const { graph, gradientOf } = differentiate(
    { ...(scored?.graph ?? part), outputs: [] },
    scored === undefined ? part.outputs : new Map([[part.outputs[0], scored.gradient]]),
    wanted,
  );
  const at = (id: ValueId): ValueId => {
    const found = gradientOf(id);
    if (found === undefined) throw new RangeError(`value ${id} does not reach an output`);
    return found;
  };
  const taps = [...boundaries, ...uses.map(({ output }) => output)].map(at);
  const inputs = uses.map(({ input }) => input);
  const roots = scored === undefined ? [] : [scored.gradient, scored.curvature].filter((id) => id !== undefined);
  const lean = pruned(graph, [...taps, ...inputs, ...roots]);
  const build = new GraphBuilder({ ...lean, nodes: [...lean.nodes, ...(scored?.sums ?? [])] });
  const from = lean.nodes.length;
  const sums = new SumNodes(build, part, pooled);
  const linear = uses
    .filter(({ kind }) => kind === 'linear')
    .map((use) => sums.add(use, at(use.output), use.output === part.outputs[0] ? scored?.curvature : undefined));
  const gradients = new Map(boundaries.map((id) => [id, at(id)]));
  const lookups = uses.filter(({ kind }) => kind === 'lookup').map((use) => ({ use, gradient: at(use.output) }));
  const grouped = uses.filter(({ kind }) => kind === 'grouped').map((use) => groupedNode(part, use, at(use.output)));
  const outputs = [
    ...gradients.values(),
    ...grouped.flatMap(({ use, gradient, slots, offsets }) => [use.input, gradient, slots, offsets]),
    ...lookups.map(({ gradient }) => gradient),
    ...linear.flatMap(({ energy, sketch }) => [energy, sketch]),
  ];
  return { graph: hoisted(build.finish([...new Set(outputs)]), from), linear, grouped, lookups, gradients };
}

function groupedNode(part: Graph, use: Use, gradient: ValueId): GroupedNode {
  const dispatch = dispatchOf(part, use);
  const [all, columns] = part.values[use.weight].shape as number[];
  return { ...dispatch, use, rows: all / dispatch.experts, columns, gradient };
}

/** The segment with labels drawn at its output. Nodes that only sum are kept apart, since nothing reads them. */
function withScore(part: Graph, objective: Objective) {
  const build = new GraphBuilder(part);
  const score = objective.score(build, part.outputs[0]);
  const graph = build.finish([]);
  return { graph, ...score, sums: graph.nodes.filter(({ outputs }) => outputs.length === 0) };
}

/** Adds the sums of matrices. */
class SumNodes {
  readonly #build: GraphBuilder;
  readonly #part: Graph;
  readonly #pooled: boolean;
  readonly #energies = new Map<ValueId, ValueId>();

  constructor(build: GraphBuilder, part: Graph, pooled: boolean) {
    this.#build = build;
    this.#part = part;
    this.#pooled = pooled;
  }

  /** @param curvature for the model's outputs: per row the mean of |g|² over labels */
  add(use: Use, gradient: ValueId, curvature: ValueId | undefined): MeasuredNode {
    const build = this.#build;
    const isOutput = curvature !== undefined;
    const [rows, columns] = this.#part.values[use.weight].shape as number[];
    const stride = sketchStride(rows, isOutput ? OUTPUT_SKETCH_ROWS : undefined);
    const label = `${use.tensor} at ${use.node}`;
    const names = { gram: `gram of ${label}`, rowEnergy: `row energy of ${label}`, delta: `delta of ${use.tensor}` };
    const weight = curvature ?? build.node('rowEnergy', [gradient], { state: names.rowEnergy });
    if (this.#pooled && this.#isOfTokens(use))
      build.nodes('sequenceGram', [use.input, gradient], { state: names.gram });
    else build.nodes('gram', [use.input, weight], { state: names.gram });
    const energy = this.#energies.get(use.input) ?? build.node('columnEnergy', [use.input]);
    this.#energies.set(use.input, energy);
    const change = build.node('linear', [use.input, build.weight(names.delta, [Math.ceil(rows / stride), columns])]);
    const sketch = build.node('sketch', [change, gradient], { stride, output: isOutput });
    return { use, rows, columns, stride, isOutput, energy, sketch, ...names };
  }

  /** Whether the matrix works on tokens, and not on what was made of all of a sequence. */
  #isOfTokens({ input }: Use): boolean {
    const [rows] = this.#part.values[input].shape;
    return typeof rows !== 'number' && rows.of === 'tokens';
  }
}

/** Nodes from an index on are moved to right behind what they read, so that what they read can be forgotten. */
function hoisted(graph: Graph, from: number): Graph {
  const producer = producers(graph);
  const key = new Int32Array(graph.nodes.length);
  for (const [index, { inputs }] of graph.nodes.entries()) {
    if (index < from) key[index] = index;
    else
      key[index] = inputs.reduce<number>(
        (latest, id) => Math.max(latest, id === null || producer[id] === -1 ? 0 : key[producer[id]]),
        0,
      );
  }
  const order = Array.from(graph.nodes.keys()).sort((a, b) => key[a] - key[b] || a - b);
  return { ...graph, nodes: order.map((index) => graph.nodes[index]) };
}
