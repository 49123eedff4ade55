import { sketchStride } from '../../src/measure/sketch.ts';
import { type Facts, sequencesOf, transposed } from './metric-facts.ts';
import { dot, type PlainRun, runPlain, type WeightsOf } from './plain-model.ts';
import { perturbationOf } from './support.ts';

/*
 * Every metric's equation on what a plain float64 model says of inputs, outputs and gradients: slow, literal, and shared
 * with nothing that scores in `src`.
 */

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const squares = (values: readonly number[]): number => dot(values, values);
const energy = (rows: readonly number[][]): number => total(rows.map(squares));
const tokensOf = (facts: Facts): number => facts.x.flat().length;
const variance = (p: number[], values: number[]): number =>
  total(p.map((share, i) => share * values[i] ** 2)) - dot(p, values) ** 2;

/** Σ_t g_ti·δy_ti of every output i. */
function perOutput(g: number[][], dy: number[][]): number[] {
  return g[0].map((_, i) => total(g.map((row, t) => row[i] * dy[t][i])));
}

/** The KL of products of one sequence, over sequences; the head's are means over labels. */
function klOf(facts: Facts, products: (g: number[][], dy: number[][]) => number): number {
  const { g, dy, p } = facts;
  const sums = dy.map((changes, s) =>
    p ? total(changes.map((row, t) => variance(p[s][t], row))) : products(g[s], changes),
  );
  return total(sums) / (2 * tokensOf(facts));
}

/** Kronecker factors of every other sequence, from `first` on. */
function factors({ x, g, p }: Facts, first: 0 | 1) {
  const chosen = x.flatMap((_, s) => (s % 2 === first ? [s] : []));
  const inputs = chosen.flatMap((s) => x[s]);
  const rowEnergy = chosen.flatMap((s) =>
    p ? p[s].map((row) => row.map((v) => v * (1 - v))) : g[s].map((row) => row.map((v) => v * v)),
  );
  const weight = chosen.flatMap((s) => (p ? p[s].map((row) => 1 - squares(row)) : g[s].map(squares)));
  const a = inputs[0].map((_, i) =>
    inputs[0].map((_, j) => total(inputs.map((x, t) => weight[t] * x[i] * x[j])) / inputs.length),
  );
  const perRow = transposed(rowEnergy).map(total);
  return { a, b: perRow.map((value) => value / total(perRow)) };
}

const kronecker = ({ a, b }: ReturnType<typeof factors>, delta: number[][]): number =>
  0.5 *
  total(
    delta.map(
      (row, i) =>
        b[i] *
        dot(
          a.map((line) => dot(line, row)),
          row,
        ),
    ),
  );

/** The pricing factors with b times what ties them to the row products of the reference perturbation. */
function pricing(facts: Facts): ReturnType<typeof factors> {
  const { weight, setUp, tensor } = facts;
  const columns = weight[0].length;
  const stride = sketchStride(weight.length, facts.role === 'output' ? 8192 : undefined);
  const delta = perturbationOf(setUp.values.get(tensor)!.values, columns, stride);
  const reference = weight.map((row, i) => row.map((_, j) => delta[i * columns + j]));
  const dy = facts.x.map((tokens) => tokens.map((input) => reference.map((row) => dot(row, input))));
  // Of the head each row counts alone: Σ_t Σ_i p_i·(1 − p_i)·δy_ti².
  const alone = facts.p?.map((tokens, s) =>
    total(tokens.map((p, t) => total(p.map((v, i) => v * (1 - v) * dy[s][t][i] ** 2)))),
  );
  const byRows = alone
    ? total(alone) / (2 * tokensOf(facts))
    : klOf({ ...facts, dy }, (g, dy) => squares(perOutput(g, dy)));
  const halves = [factors(facts, 0), factors(facts, 1)];
  const factor = (2 * byRows) / total(halves.map((half) => kronecker(half, reference)));
  return { a: halves[1].a, b: halves[1].b.map((value) => factor * value) };
}

/** Largest eigenvalue, by many squarings of the matrix. */
function spectralRadius(a: number[][]): number {
  let power = a;
  for (let i = 0; i < 12; i++) {
    const scale = Math.sqrt(energy(power));
    const scaled = power.map((row) => row.map((value) => value / scale));
    power = scaled.map((row) => transposed(scaled).map((column) => dot(row, column)));
  }
  const v = power.reduce((longest, row) => (squares(row) > squares(longest) ? row : longest));
  return (
    dot(
      a.map((row) => dot(row, v)),
      v,
    ) / squares(v)
  );
}

function divergence(y: number[], changed: number[]): number {
  const logSoftmax = (row: number[]) => row.map((value) => value - Math.log(total(row.map(Math.exp))));
  const [p, q] = [logSoftmax(y), logSoftmax(changed)];
  return total(p.map((value, i) => Math.exp(value) * (value - q[i])));
}

/** KL per token between the model and the model with one matrix changed. */
function changedKl(facts: Facts, text: { ids: Int32Array; length: number }): number {
  const runs = changedRuns(facts, text);
  const each = runs.flatMap(([one, other]) =>
    one.logP.map((row, t) => total(row.map((value, i) => Math.exp(value) * (value - other.logP[t][i])))),
  );
  return total(each) / each.length;
}

function changedRuns(
  { setUp, tensor, weight, delta }: Facts,
  text: { ids: Int32Array; length: number },
): [PlainRun, PlainRun][] {
  const { config, values } = setUp;
  const original: WeightsOf = (name) => values.get(name)!.values;
  const changed = weight.flatMap((row, i) => row.map((value, j) => value - delta[i][j]));
  return sequencesOf(text).map((ids) => [
    runPlain(config, original, ids),
    runPlain(config, (name) => (name === tensor ? changed : original(name)), ids),
  ]);
}

function reconstruction(facts: Facts): number {
  const runs = changedRuns(facts, facts.setUp.tokens);
  const apart = (a: number[][], b: number[][]) => energy(a.map((row, t) => row.map((value, i) => value - b[t][i])));
  const [error, signal] = [0, 1].map((which) =>
    total(
      runs.map(([one, other]) => {
        if (facts.role === 'output') return which === 0 ? apart(one.logits, other.logits) : energy(one.logits);
        // The embedding's own output is the residual stream before the first block.
        if (facts.role === 'token_embd')
          return which === 0 ? apart(one.boundaries[0], other.boundaries[0]) : energy(one.boundaries[0]);
        return which === 0
          ? apart(one.boundaries[1], other.boundaries[1])
          : apart(one.boundaries[1], one.boundaries[0]);
      }),
    ),
  );
  return error / signal;
}

function relativeError({ y, dy }: Facts, firstToken: number): number {
  const later = (rows: number[][][]) => total(rows.map((tokens) => energy(tokens.slice(firstToken))));
  return later(dy) / later(y);
}

function maskedDivergence({ y, dy }: Facts): number {
  const strength = transposed(y.flat()).map(squares);
  const order = [...strength.keys()].sort((a, b) => strength[b] - strength[a]);
  const kept = order.slice(0, Math.ceil(strength.length / 2));
  const changes = dy.flat();
  const seen = y.flat().flatMap((row, t) =>
    t % 4 === 0
      ? [
          divergence(
            kept.map((i) => row[i]),
            kept.map((i) => row[i] - changes[t][i]),
          ),
        ]
      : [],
  );
  return total(seen) / seen.length;
}

/** Σ_s |G_s|² / (S·T); at the head the mean over labels. */
function fisherTrace(facts: Facts): number {
  const { x, g, p } = facts;
  const sums = x.map((inputs, s) => {
    if (p) return total(inputs.map((row, t) => squares(row) * (1 - squares(p[s][t]))));
    const gradient = g[s][0].map((_, i) => inputs[0].map((_, j) => total(inputs.map((row, t) => g[s][t][i] * row[j]))));
    return energy(gradient);
  });
  return total(sums) / tokensOf(facts);
}

/** Mean overlap of a layer's outputs with every other's: |Y_jᵀY_l|²_F / (|Y_jᵀY_j|_F·|Y_lᵀY_l|_F). */
function orthogonality({ y, all, tensor }: Facts): number {
  const cross = (a: number[][], b: number[][]) =>
    Math.sqrt(energy(transposed(a).map((column) => transposed(b).map((other) => dot(column, other)))));
  const own = y.flat();
  const others = [...all.values()].filter((other) => other.tensor !== tensor).map((other) => other.y.flat());
  const overlaps = others.map((other) => cross(other, own) ** 2 / (cross(other, other) * cross(own, own)));
  return Math.exp(-total(overlaps) / others.length);
}

const weightEnergy = ({ delta }: Facts): number => energy(delta);

/** What a metric must give the finer candidate of a matrix; undefined where the equation does not speak of its use. */
export const formulas: Readonly<Record<string, (facts: Facts) => number | undefined>> = {
  'weight-mse': weightEnergy,
  sqnr: (facts) => weightEnergy(facts) / energy(facts.weight),
  'variance-gain': ({ delta, gain }) =>
    total(delta.map((row) => total(row.map((d, j) => ((gain?.[j] ?? 1) * d) ** 2)))),
  imatrix: ({ delta, x, role }) => {
    if (role === 'token_embd') return undefined;
    const importance = transposed(x.flat()).map((column) => squares(column) / column.length);
    return total(delta.map((row) => total(row.map((d, j) => importance[j] * d * d))));
  },
  'hawq-eigenvalue': linear((facts) => {
    const { a, b } = pricing(facts);
    return 0.5 * spectralRadius(a) * Math.max(...b) * weightEnergy(facts);
  }),
  'hawq-trace': linear((facts) => {
    const { a, b } = pricing(facts);
    return (0.5 * total(a.map((row, i) => row[i])) * total(b) * weightEnergy(facts)) / facts.delta.flat().length;
  }),
  'variance-rule': linear((facts) => {
    const { a, b } = pricing(facts);
    const weights = facts.weight.flat();
    const mean = total(weights) / weights.length;
    const deviation = squares(weights.map((value) => value - mean)) / weights.length;
    return 0.5 * total(a.map((row, i) => row[i])) * total(b) * deviation * 2 ** (-2 * 8.5);
  }),
  'kl-kronecker': linear((facts) => kronecker(pricing(facts), facts.delta)),
  'output-error': (facts) => relativeError(facts, 0),
  // Every token gets a dense matrix, with weight 1.
  'mc-moe': (facts) => relativeError(facts, 0),
  mixdq: (facts) => {
    const isWhere = (role: string) => role === 'attn_q' || role === 'attn_k';
    const family = [...facts.all.values()].filter(({ role }) => isWhere(role) === isWhere(facts.role));
    // The candidate of fewer bits has twice the error.
    return relativeError(facts, 1) / (total(family.map((other) => 2.5 * relativeError(other, 1))) / family.length);
  },
  ohq: maskedDivergence,
  ompq: (facts) => orthogonality(facts) * (16 - 8.5),
  'hawq-activations': (facts) => {
    const tokens = tokensOf(facts);
    return ((0.5 * energy(facts.g.flat())) / tokens / facts.g[0][0].length) * (energy(facts.dy.flat()) / tokens);
  },
  'hawq-hutchinson': (facts) => (0.5 * fisherTrace(facts) * weightEnergy(facts)) / facts.delta.flat().length,
  'hawq-hutchinson-orthogonal': (facts) => (0.5 * fisherTrace(facts) * weightEnergy(facts)) / facts.delta.flat().length,
  'first-order': (facts) => {
    const { x, gText, delta, role } = facts;
    const sums = x.map((inputs, s) =>
      total(
        (role === 'token_embd' ? transposed(delta) : delta).map((row, i) =>
          total(row.map((d, j) => Math.abs(d * total(inputs.map((input, t) => gText[s][t][i] * input[j]))))),
        ),
      ),
    );
    return total(sums) / tokensOf(facts);
  },
  mixllm: (facts) => {
    const products = facts.dy.flatMap((dy, s) => perOutput(facts.gText[s], dy));
    return total(products.map((value) => Math.abs(value) + 0.5 * value * value)) / tokensOf(facts);
  },
  'output-fisher': (facts) =>
    klOf(facts, (g, dy) => energy(g.map((row, t) => row.map((value, i) => value * dy[t][i])))),
  'kl-additive': (facts) => klOf(facts, (g, dy) => total(perOutput(g, dy)) ** 2),
  'kl-rows': (facts) => klOf(facts, (g, dy) => squares(perOutput(g, dy))),
  'kl-interactions': (facts) => klOf(facts, (g, dy) => squares(perOutput(g, dy))),
  'block-reconstruction': reconstruction,
  'measured-kl': (facts) => changedKl(facts, facts.setUp.tokens),
  zeroq: (facts) => changedKl(facts, facts.setUp.ownText),
};

/** Factors of a look-up are of another kind and have their tests in measure.test.ts. */
function linear(formula: (facts: Facts) => number): (facts: Facts) => number | undefined {
  return (facts) => (facts.role === 'token_embd' ? undefined : formula(facts));
}
