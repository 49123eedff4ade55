import { Random } from '../../src/core/random.ts';
import { dot, type PlainRun, plainGradient, runPlain, type WeightsOf } from './plain-model.ts';
import { SEED, type scoringSetUp } from './scoring.ts';

type SetUp = Awaited<ReturnType<typeof scoringSetUp>>;

/** One matrix on the whole text. */
export interface Facts {
  readonly tensor: string;
  readonly role: string;
  /** [rows][columns] */
  readonly weight: number[][];
  /** δW of the candidate. [rows][columns] */
  readonly delta: number[][];
  /** By sequence, token: inputs, outputs, their changes, gradients of sampled and of the text's own labels. */
  readonly x: number[][][];
  readonly y: number[][][];
  readonly dy: number[][][];
  readonly g: number[][][];
  readonly gText: number[][][];
  /** p of the vocabulary where the matrix is the head, whose products are means over labels. */
  readonly p: number[][][] | undefined;
  readonly gain: number[] | undefined;
  readonly setUp: SetUp;
  /** The same of every other matrix, by name. */
  readonly all: ReadonlyMap<string, Facts>;
}

/** Feeds of the norms: whose gain scales the inputs of which matrix. */
const NORMS: Readonly<Record<string, string>> = {
  attn_q: 'blk.0.attn_norm.weight',
  attn_k: 'blk.0.attn_norm.weight',
  attn_v: 'blk.0.attn_norm.weight',
  ffn_gate: 'blk.0.ffn_norm.weight',
  ffn_up: 'blk.0.ffn_norm.weight',
  output: 'output_norm.weight',
};

/** Facts of every matrix, with the errors of the finer candidate. */
export async function plainFacts(setUp: SetUp): Promise<ReadonlyMap<string, Facts>> {
  const { config, values, tensors, tokens, task } = setUp;
  const weightsOf: WeightsOf = (name) => values.get(name)!.values;
  const texts = sequencesOf(tokens);
  const runs = texts.map((ids) => runPlain(config, weightsOf, ids));
  const labels = runs.map(sampledLabels);
  const next = texts.map((ids) => ids.map((_, t) => ids[t + 1] ?? -1));
  const facts = new Map<string, Facts>();
  for (const { name, role, shape } of tensors) {
    const delta = matrix(await task.candidates.delta(setUp.model.tensors.get(name)!, 'Q8_0'), shape[1]);
    const traces = runs.map(({ traces }) => traces.get(name)!);
    const x = traces.map(({ inputs }) => inputs);
    const isTable = role === 'token_embd';
    const change = isTable ? transposed(delta) : delta;
    const gradient = (labels: number[][]) =>
      texts.map((ids, s) => plainGradient(config, weightsOf, ids, labels[s], name));
    facts.set(name, {
      tensor: name,
      role,
      weight: matrix(values.get(name)!.values, shape[1]),
      delta,
      x,
      y: traces.map(({ outputs }) => outputs),
      dy: x.map((tokens) => tokens.map((input) => change.map((row) => dot(row, input)))),
      g: gradient(labels),
      gText: gradient(next),
      p: role === 'output' ? runs.map(({ logP }) => logP.map((row) => row.map(Math.exp))) : undefined,
      gain: role in NORMS ? Array.from(values.get(NORMS[role])!.values) : undefined,
      setUp,
      all: facts,
    });
  }
  return facts;
}

/** Labels drawn from the model's own predictions, with the draws that scoring makes. */
function sampledLabels({ logP }: PlainRun, sequence: number): number[] {
  const random = new Random(SEED).fork(`labels of sequence ${sequence}`);
  return logP.map((row) => {
    const draw = (random.uint32() >>> 8) / 2 ** 24;
    let [label, reached] = [0, Math.exp(row[0])];
    while (reached <= draw) reached += Math.exp(row[++label]);
    return label;
  });
}

export function sequencesOf({ ids, length }: { ids: Int32Array; length: number }): number[][] {
  return Array.from({ length: ids.length / length }, (_, s) => Array.from(ids.subarray(s * length, (s + 1) * length)));
}

function matrix(values: ArrayLike<number>, columns: number): number[][] {
  return Array.from({ length: values.length / columns }, (_, i) =>
    Array.from({ length: columns }, (_, j) => values[i * columns + j]),
  );
}

export function transposed(rows: number[][]): number[][] {
  return rows[0].map((_, j) => rows.map((row) => row[j]));
}
