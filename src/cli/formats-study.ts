import { createWasmKernels } from '../kernels/wasm/index.ts';
import { type Source, syntheticSource } from '../numeric/fidelity.ts';
import { type Crossover, compare, crossover, embeddingSource, embeddings, PAIRS, rotation } from '../numeric/study.ts';
import { demoModel } from '../text/assets.node.ts';
import { openModelArgument } from './support/model.ts';
import type { OutputOptions } from './support/options.ts';
import { printResult, table } from './support/output.ts';

export interface StudyOptions extends OutputOptions {
  readonly model?: string;
}

/** One of each way to spend about 8, 6, 4 and 2 bits. */
const COMPARED = [
  ...['INT8_G128', 'MXINT8', 'MXFP8_E4M3', 'MXFP6_E2M3', 'MXINT6'],
  ...['MXFP4', 'MXINT4', 'NVFP4_TENSOR', 'NVINT4_TENSOR', 'NF4', 'Q4_K'],
  ...['TRIT_PLANES', 'LLOYD_MAX2_G128', 'E8P'],
];
const SEED = 1;
const ROWS = 16;
const COLUMNS = 256;
/** Vectors whose neighbours are looked for. */
const VECTORS = 256;

/** Prints how formats compare on drawn and on real tensors, and where one overtakes the other. */
export async function printStudy(options: StudyOptions): Promise<void> {
  const { matrices, vectors } = await realSources(options);
  const drawn = (['Gaussian', 'Laplace', 'Student'] as const).map((name) => syntheticSource(name, ROWS, COLUMNS, SEED));
  const sources = [...drawn, ...matrices];
  const spread = [
    [0, 1],
    [2, 10],
    [4, 40],
  ].map(([n, factor]) => embeddingSource(VECTORS, COLUMNS, n, factor, SEED)); // prettier-ignore
  const kernels = await createWasmKernels({ threads: 1 });
  const study = {
    fidelity: compare(COMPARED, sources, kernels),
    crossovers: PAIRS.map((pair) => crossover(pair)),
    rotation: rotation(sources),
    embeddings: embeddings([...spread, vectors], kernels),
  };
  kernels.close();
  printResult(options, study, () => [
    'Signal to quantization noise, dB, searched scales',
    ...table(
      ['source', 'crest factor', ...COMPARED],
      study.fidelity.map((row) => [row.source, row.crestFactor.toFixed(2), ...decibels(Object.values(row.sqnr))]),
    ),
    '',
    'Integers less floats, dB, by the crest factor of all blocks, scales from the largest magnitude',
    ...table(['integer', 'float', 'integers win'], study.crossovers.map(crossoverCells)),
    '',
    'NVINT4 less NVFP4, dB, before and after a Hadamard rotation, scales from the largest magnitude',
    ...table(
      ['source', 'before', 'after'],
      study.rotation.map((row) => [row.source, ...decibels([row.before, row.after])]),
    ),
    '',
    'Vectors for retrieval under one scale: dB, and share of the ten nearest that stay',
    ...table(
      ['source', 'float8', 'int8', 'float8 kept', 'int8 kept'],
      study.embeddings.map((row) => [
        row.source,
        ...decibels([row.float8, row.int8]),
        row.float8Recall.toFixed(3),
        row.int8Recall.toFixed(3),
      ]),
    ),
  ]);
}

function decibels(values: readonly number[]): string[] {
  return values.map((value) => value.toFixed(2));
}

function crossoverCells({ integer, float, crestFactor }: Crossover): string[] {
  return [integer, float, crestFactor === null ? 'always' : `below ${crestFactor.toFixed(2)}`];
}

/** A few rows of a matrix of each kind out of the middle of the model, and rows of its embedding as vectors. */
async function realSources(options: StudyOptions): Promise<{ matrices: Source[]; vectors: Source }> {
  const model = await openModelArgument(options.model ?? demoModel(), options);
  try {
    const layer = Math.floor(model.config.layers / 2);
    const matrices = [...model.tensors.values()].filter((t) => t.layer === layer && t.shape.length === 2);
    const embedding = model.tensors.get('token_embd.weight')!;
    // whole blocks of every format compared
    const usable = [...matrices, embedding].filter(({ shape }) => shape[1] % COLUMNS === 0);
    const sources = usable.map(async (tensor) => ({
      name: tensor.name,
      columns: tensor.shape[1],
      values: await tensor.load(0, Math.min(ROWS, tensor.shape[0])),
    }));
    const rows = Math.min(VECTORS, embedding.shape[0]);
    const vectors = { name: embedding.name, columns: embedding.shape[1], values: await embedding.load(0, rows) };
    return { matrices: await Promise.all(sources), vectors };
  } finally {
    await model.close();
  }
}
