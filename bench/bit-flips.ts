/**
 * What memory errors do to stored codes: every matrix of the embedded model (or the one named) in a plain and in protected
 * packings, bits of its codes damaged at several rates, scales left whole. Signal to noise of the weights and true KL of the
 * model on held-out text, the mean over several damages with its standard error; cells by pattern and their energy.
 *
 *     node bench/bit-flips.ts [MODEL] [--damages=4] [--tokens=2048] [--evaluation=FILE] [--mixed-cost=2] [--quick]
 *
 * `bits`: every bit flips at the rate. `cells`: of the two-bit cells only 01 and 10 err, one of their bits at the rate.
 */

import { parseArgs } from 'node:util';
import { Random } from '../src/core/random.ts';
import { evaluateModels, referenceStates } from '../src/evaluate/evaluate.ts';
import { estimate } from '../src/evaluate/summary.ts';
import { createWasmKernels } from '../src/kernels/wasm/index.ts';
import { openModel } from '../src/model/open.node.ts';
import type { Model } from '../src/model/types.ts';
import { cellEnergy, countCells } from '../src/numeric/cells.ts';
import { entry, isBlocked } from '../src/numeric/registry.ts';
import { nodeHost } from '../src/pipeline/host/node.ts';
import { evaluationTokens, sequenceLength } from '../src/pipeline/texts.ts';
import { matrices } from '../src/quantize/sensitivity.ts';
import { assetPath } from '../src/text/assets.node.ts';
import { machine } from './support/machine.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    damages: { type: 'string' },
    tokens: { type: 'string' },
    evaluation: { type: 'string' },
    'mixed-cost': { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
  },
});
const SEED = 1;
const damages = Number(options.damages ?? (options.quick ? 2 : 4));
const tokenCount = Number(options.tokens ?? (options.quick ? 512 : 2048));
const mixedCost = Number(options['mixed-cost']);
const RATES = options.quick ? [1e-3] : [1e-5, 1e-4, 1e-3, 1e-2];
/** Bytes of scale before the codes of a block; of the tensor where there are no blocks. */
const PACKINGS: readonly (readonly [string, number])[] = [
  ['SINT8_G128', 2],
  ['SINT7_G128', 2],
  ['SINT7_BACKUP_G128', 2],
  ['SINT7_CELLS_G128', 2],
  ['F16_BACKUP_TENSOR', 4],
];

interface Stored {
  readonly columns: number;
  readonly values: Float32Array;
  readonly bytes: Uint8Array;
}

type Damage = 'bits' | 'cells';

/** Steps between events of a rate, without a draw for every place in between. */
function* hits(length: number, rate: number, random: Random): Generator<number> {
  for (let at = -1; ; ) {
    at += 1 + Math.floor(Math.log(1 - random.uniform()) / Math.log1p(-rate));
    if (at >= length) return;
    yield at;
  }
}

/** The bytes after errors; scales stay as they are. */
function damaged(name: string, header: number, bytes: Uint8Array, kind: Damage, rate: number, random: Random) {
  const { format } = entry(name);
  const period = isBlocked(format) ? format.blockBytes : bytes.length;
  const out = bytes.slice();
  const places = kind === 'bits' ? 8 * bytes.length : 4 * bytes.length;
  for (const place of hits(places, rate, random)) {
    const at = Math.floor(place / (kind === 'bits' ? 8 : 4));
    if (at % period < header) continue;
    if (kind === 'bits') out[at] ^= 1 << (place % 8);
    else {
      const low = 2 * (place % 4);
      const cell = (bytes[at] >> low) & 3;
      if (cell === 1 || cell === 2) out[at] ^= 1 << (low + random.integer(2));
    }
  }
  return out;
}

function decoded(name: string, { columns, values }: Stored, bytes: Uint8Array): Float32Array {
  const out = new Float32Array(values.length);
  entry(name).tensor.decode(bytes, columns, out);
  return out;
}

/** The model with other values in its matrices. */
function withValues(model: Model, values: ReadonlyMap<string, Float32Array>): Model {
  const tensors = new Map(model.tensors);
  for (const [name, all] of values) {
    const { role, layer, shape } = model.tensors.get(name)!;
    const load = async (start = 0, end = shape[0]) => all.slice(start * shape[1], end * shape[1]);
    tensors.set(name, { name, role, layer, shape, format: 'F32', load });
  }
  return { ...model, tensors, fingerprint: () => model.fingerprint(), close: async () => {} };
}

const model = await openModel(positionals[0] ?? assetPath('tiny'));
const kernels = await createWasmKernels({ threads: 1 });
const tokens = await evaluationTokens(nodeHost, model, {
  files: options.evaluation === undefined ? undefined : [options.evaluation],
  tokens: tokenCount,
});
const length = sequenceLength(model);
const states = await referenceStates(kernels, model, tokens, { length });
console.log(`${machine()}, seed ${SEED}; ${damages} damages, ${tokens.length} tokens`);

async function klOf(values: ReadonlyMap<string, Float32Array>): Promise<number> {
  const candidate = withValues(model, values);
  return (await evaluateModels(kernels, model, candidate, tokens, { length, referenceStates: states })).kl.mean;
}

/** Mean KL and signal to noise over damages. */
async function campaign(name: string, header: number, stored: ReadonlyMap<string, Stored>, kind: Damage, rate: number) {
  const kls: number[] = [];
  let noise = 0;
  let signal = 0;
  for (let trial = 0; trial < damages; trial++) {
    const random = new Random(SEED + trial);
    const values = new Map<string, Float32Array>();
    for (const [tensor, one] of stored) {
      const bytes = rate === 0 ? one.bytes : damaged(name, header, one.bytes, kind, rate, random);
      const q = decoded(name, one, bytes);
      for (let i = 0; i < q.length; i++) {
        noise += (q[i] - one.values[i]) ** 2;
        signal += one.values[i] ** 2;
      }
      values.set(tensor, q);
    }
    kls.push(await klOf(values));
    if (rate === 0) break;
  }
  const { mean, standardError } = estimate(Float32Array.from(kls));
  return { mean, standardError, sqnr: 10 * Math.log10(signal / noise) };
}

const cells: string[] = [];
console.log('packing\tdamage\trate\tSQNR dB\tKL ± standard error over damages');
for (const [name, header] of PACKINGS) {
  const { format, tensor: codec } = entry(name);
  const stored = new Map<string, Stored>();
  for (const tensor of matrices(model)) {
    const columns = tensor.shape[1];
    const values = await tensor.load();
    stored.set(tensor.name, { columns, values, bytes: codec.encode(values, columns) });
  }
  const clean = await campaign(name, header, stored, 'bits', 0);
  console.log([name, 'none', 0, clean.sqnr.toFixed(2), clean.mean.toFixed(5)].join('\t'));
  for (const kind of ['bits', 'cells'] as const)
    for (const rate of RATES) {
      const { mean, standardError, sqnr } = await campaign(name, header, stored, kind, rate);
      console.log([name, kind, rate, sqnr.toFixed(2), `${mean.toFixed(5)} ± ${standardError.toFixed(5)}`].join('\t'));
    }
  const sums = { '00': 0, '01': 0, '10': 0, '11': 0 };
  let weights = 0;
  for (const { bytes, values } of stored.values()) {
    const period = isBlocked(format) ? format.blockBytes : bytes.length;
    const counts = countCells(bytes.filter((_, i) => i % period >= header));
    for (const pattern of ['00', '01', '10', '11'] as const) sums[pattern] += counts[pattern];
    weights += values.length;
  }
  const total = sums['00'] + sums['01'] + sums['10'] + sums['11'];
  const shares = Object.values(sums).map((count) => `${((100 * count) / total).toFixed(1)} %`);
  cells.push([name, ...shares, (cellEnergy(sums, mixedCost) / weights).toFixed(3)].join('\t'));
}
console.log(`\npacking\t${['00', '01', '10', '11'].join('\t')}\tenergy per weight, 01 and 10 at ${mixedCost}`);
for (const line of cells) console.log(line);
kernels.close();
await model.close();
