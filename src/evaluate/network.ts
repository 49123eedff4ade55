import type { WorkOptions } from '../core/progress.ts';
import { allRows } from '../graph/rewrite.ts';
import { segmentCount } from '../graph/segments.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Device } from '../kernels/device.ts';
import type { Network } from '../model/types.ts';
import type { Objective } from '../objective/types.ts';
import { memoryBoundaries } from '../run/boundaries.ts';
import { SegmentedRun } from '../run/segments.ts';
import type { Sequences } from '../run/sequences.ts';
import { wholeTarget } from '../run/target.ts';
import type { Estimate } from './types.ts';

/** Outputs of a network for whole sequences, rows of `width`. Weights are float32. */
export interface NetworkOutputs {
  readonly values: Float32Array;
  readonly width: number;
}

/** Runs a network, segment by segment. */
export async function networkOutputs(
  device: Device,
  network: Network,
  sequences: Sequences,
  options: WorkOptions = {},
): Promise<NetworkOutputs> {
  const graph = allRows(network.graph);
  const run = new SegmentedRun(device, network, graph, sequences, wholeTarget(network));
  const shape = run.boundaryShape();
  const boundaries = memoryBoundaries(shape);
  try {
    await run.forward(0, segmentCount(graph), boundaries, options);
    const [output] = graph.outputs;
    const values = new Float32Array(shape.get(output)!);
    boundaries.read(output, 0, values);
    return { values, width: graph.values[output].shape[1] as number };
  } finally {
    boundaries.close();
    run.close();
  }
}

/** Mean divergence of a candidate's outputs from its reference's, in nats per row, with its error over rows. */
export async function networkDivergence(
  kernels: Kernels,
  [reference, candidate]: readonly [NetworkOutputs, NetworkOutputs],
  objective: Objective,
): Promise<Estimate> {
  const rows = kernels.scope(() => {
    const [p, q] = [kernels.upload(reference.values), kernels.upload(candidate.values)];
    return objective.divergence(kernels, p, q, reference.width);
  });
  const mean = rows.reduce((sum, value) => sum + value, 0) / rows.length;
  const squares = rows.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares / (rows.length * Math.max(1, rows.length - 1))) };
}
