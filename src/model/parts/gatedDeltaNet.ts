import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';
import type { RecurrentHeads } from '../types.ts';

export interface GatedDeltaNetPart {
  readonly layer: number;
  readonly hidden: number;
  /** Tokens that the convolution sees, the newest among them. */
  readonly taps: number;
  readonly heads: RecurrentHeads;
  readonly normEpsilon: number;
  /** Head h takes the keys of head h mod keys; default of ⌊h·keys/count⌋. */
  readonly tiled?: boolean;
  /** β and α are one matrix, `ssm_ba`: of every head of keys the βs of its heads, then their αs; default two. */
  readonly fusedGates?: boolean;
}

/**
 * out(norm(o) · silu(z)), o being what a matrix for every head holds under the token's query: at every token it fades, and
 * the token's value is written under its key in the place of what stood there. Queries, keys and values go through a short
 * convolution.
 * @param x normed, [tokens, hidden] → [tokens, hidden]
 * @see Yang, Kautz and Hatamizadeh, "Gated delta networks: improving Mamba2 with delta rule" (2024)
 */
export function gatedDeltaNet(build: GraphBuilder, x: ValueId, part: GatedDeltaNetPart): ValueId {
  const { layer, hidden, taps, heads, normEpsilon: epsilon, tiled = false } = part;
  const { count, keys, keyDim, valueDim } = heads;
  const [keyWidth, valueWidth] = [keys * keyDim, count * valueDim];
  const name = (suffix: string): string => `blk.${layer}.${suffix}`;
  const project = (matrix: string, rows: number, columns = hidden, input = x): ValueId =>
    build.node('linear', [input, build.weight(name(`${matrix}.weight`), [rows, columns])]);

  const projected = project('attn_qkv', 2 * keyWidth + valueWidth);
  const z = project('attn_gate', valueWidth);
  const kernel = build.weight(name('ssm_conv1d.weight'), [2 * keyWidth + valueWidth, taps]);
  const seen = build.node('shortConv', [projected, kernel], { state: name('ssm_conv1d') });
  const active = build.node('activate', [seen], { activation: 'silu' });
  const [q, k, v] = build.nodes('split', [active], { widths: [keyWidth, keyWidth, valueWidth] });
  const { decay, strength } = gates(build, x, part);
  const inputs = [unitLength(build, q, keyDim, epsilon), unitLength(build, k, keyDim, epsilon), v, decay, strength];
  const held = build.node('linearAttention', inputs, {
    ...{ heads: count, keyHeads: keys, keyDim, valueDim, scale: 1 / Math.sqrt(keyDim) },
    ...{ delta: true, tiled, state: name('ssm') },
  });
  const normed = build.node('rmsNorm', [held, build.weight(name('ssm_norm.weight'), [valueDim])], { epsilon });
  return project('ssm_out', hidden, valueWidth, build.node('gated', [z, normed], { activation: 'silu' }));
}

/** How much every head forgets, as a logarithm, and how much of the new value it writes: both [tokens, heads]. */
function gates(build: GraphBuilder, x: ValueId, { layer, hidden, heads, fusedGates }: GatedDeltaNetPart) {
  const { count, keys } = heads;
  const linear = (matrix: string, rows: number): ValueId =>
    build.node('linear', [x, build.weight(`blk.${layer}.${matrix}.weight`, [rows, hidden])]);
  const [b, a] = fusedGates
    ? build.nodes('split', [linear('ssm_ba', 2 * count)], { widths: [count / keys, count / keys], groups: keys })
    : [linear('ssm_beta', count), linear('ssm_alpha', count)];
  const strength = build.node('activate', [b], { activation: 'sigmoid' });
  return {
    strength,
    decay: build.node('scaleColumns', [timeStep(build, a, layer, count), rate(build, layer, [count])]),
  };
}

/** softplus(dt + bias): how much of a step every head takes, [tokens, heads]. */
export function timeStep(build: GraphBuilder, dt: ValueId, layer: number, heads: number): ValueId {
  const biased = build.node('addBias', [dt, build.weight(`blk.${layer}.ssm_dt.bias`, [heads])]);
  return build.node('activate', [biased], { activation: 'softplus' });
}

/** What a whole step makes of the logarithm of what is kept: −exp(A_log). */
export function rate(build: GraphBuilder, layer: number, shape: readonly number[]): ValueId {
  return build.weight(`blk.${layer}.ssm_a`, [...shape]);
}

/** Heads x / √(Σx² + ε): a norm by the mean of squares, with factors that undo the mean. */
function unitLength(build: GraphBuilder, x: ValueId, width: number, epsilon: number): ValueId {
  const gain = build.constant({ kind: 'fill', value: 1 / Math.sqrt(width) }, [width]);
  return build.node('rmsNorm', [x, gain], { epsilon: epsilon / width });
}
