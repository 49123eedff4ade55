import { Random } from '../../core/random.ts';
import { hasOddParity } from '../../numeric/bits.ts';
import { estimate } from '../calibrate.ts';
import { sequenceProducts } from './sequence-products.ts';
import type { LayerCollector, LayerMetric, LayerShape } from './types.ts';

/** Probes of a matrix. */
const PROBES = 4;

/** How the ±1 probes are made: independent signs, or rows of a Walsh matrix under random signs, orthogonal to each other. */
type Probes = 'random' | 'orthogonal';

/** HAWQ-V2’s trace by Hutchinson’s estimator, zᵀFz over ±1 probes z, F the Fisher matrix. */
function hutchinson(name: string, probes: Probes, source: string): LayerMetric {
  return {
    name,
    stage: 'layers',
    needs: 'gradients',
    changes: false,
    cost: () => 3 + PROBES,
    nats: true,
    source,
    equation: '½·E_z[zᵀFz]/n·Σ δW², n weights',
    collect: (shape) => collect(shape, probes),
  };
}

export const hawqHutchinson = hutchinson(
  'hawq-hutchinson',
  'random',
  'Dong et al., HAWQ-V2 (2020), algorithm 1, on the Fisher matrix',
);
export const hawqHutchinsonOrthogonal = hutchinson(
  'hawq-hutchinson-orthogonal',
  'orthogonal',
  'the same with Walsh–Hadamard probes (Fino and Algazi, 1976), a digital net’s first digits',
);

function collect({ tensor, kernels, sequences, length }: LayerShape, probes: Probes): LayerCollector {
  const traces = Array.from({ length: PROBES }, () => new Float64Array(sequences));
  const size = tensor.shape[0] * tensor.shape[1];
  return {
    layer(layer) {
      for (let probe = 0; probe < PROBES; probe++) {
        const outputs = layer.outputs(signs(size, probe, probes, tensor.name));
        // Products of different rows have mean zero over probes: they are left out, and with them most of the variance.
        for (const { sequence, rows } of sequenceProducts(layer, layer.gradients.sampled!, outputs))
          traces[probe][sequence] += rows / length;
        kernels.free(outputs);
      }
    },
    scores(changes) {
      const means = Float64Array.from(traces, (trace) => estimate(trace).mean);
      const { mean, standardError } = estimate(means);
      const perSquare = 0.5 / size;
      return changes.map(({ squares }) => ({
        value: perSquare * mean * squares,
        standardError: perSquare * standardError * squares,
      }));
    },
  };
}

/** A probe of ±1; the orthogonal ones are Walsh functions, (−1)^(bits that probe and place both have), under random signs. */
function signs(size: number, probe: number, probes: Probes, label: string): Float32Array {
  const random = new Random(1).fork(probes === 'random' ? `probe ${probe} of ${label}` : `signs of ${label}`);
  const z = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const sign = random.uint32() & 1 ? 1 : -1;
    z[i] = probes === 'orthogonal' && hasOddParity(i & probe) ? -sign : sign;
  }
  return z;
}
