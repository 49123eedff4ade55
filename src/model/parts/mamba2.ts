import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';
import type { RecurrentHeads } from '../types.ts';
import { rate, timeStep } from './gatedDeltaNet.ts';

export interface Mamba2Part {
  readonly layer: number;
  readonly hidden: number;
  /** Tokens that the convolution sees, the newest among them. */
  readonly taps: number;
  /** `keys` are the groups of C and B, `keyDim` is the size of the state. */
  readonly heads: RecurrentHeads;
  readonly normEpsilon: number;
  /** The convolution has no bias; default it has one. */
  readonly plainConvolution?: boolean;
}

/**
 * A selective state space: every head's matrix fades by e^{Δ·A}, gets Δ·x·Bᵀ and is read by C; what is read, and D·x, is
 * gated by z and normed in groups. x, B and C go through a short convolution.
 * @param x normed, [tokens, hidden] → [tokens, hidden]
 * @see Dao and Gu, "Transformers are SSMs: generalized models and efficient algorithms through structured state space
 *   duality" (2024), section 7
 */
export function mamba2(build: GraphBuilder, x: ValueId, part: Mamba2Part): ValueId {
  const { layer, hidden, taps, heads, normEpsilon: epsilon, plainConvolution } = part;
  const { count, keys, keyDim, valueDim } = heads;
  const [inner, state] = [count * valueDim, keys * keyDim];
  const name = (suffix: string): string => `blk.${layer}.${suffix}`;
  const channels = inner + 2 * state;
  const matrix = build.weight(name('ssm_in.weight'), [inner + channels + count, hidden]);
  const projected = build.node('linear', [x, matrix]);
  const [z, xbc, dt] = build.nodes('split', [projected], { widths: [inner, channels, count] });
  const kernel = build.weight(name('ssm_conv1d.weight'), [channels, taps]);
  const seen = build.node('shortConv', [xbc, kernel], { state: name('ssm_conv1d') });
  const biased = plainConvolution
    ? seen
    : build.node('addBias', [seen, build.weight(name('ssm_conv1d.bias'), [channels])]);
  const active = build.node('activate', [biased], { activation: 'silu' });
  const [value, b, c] = build.nodes('split', [active], { widths: [inner, state, state] });
  const step = timeStep(build, dt, layer, count);
  const decay = build.node('scaleColumns', [step, rate(build, layer, [count, 1])]);
  const held = build.node('linearAttention', [c, b, value, decay, step], {
    ...{ heads: count, keyHeads: keys, keyDim, valueDim, scale: 1 },
    ...{ delta: false, tiled: false, state: name('ssm') },
  });
  const passed = build.node('scaleColumns', [value, build.weight(name('ssm_d'), [count, 1])]);
  const gated = build.node('gated', [z, build.node('add', [held, passed])], { activation: 'silu' });
  // Each group is normed by itself, but has gains of its own.
  const ones = build.constant({ kind: 'fill', value: 1 }, [inner / keys]);
  const gains = build.weight(name('ssm_norm.weight'), [keys, inner / keys]);
  const normed = build.node('scaleColumns', [build.node('rmsNorm', [gated, ones], { epsilon }), gains]);
  return build.node('linear', [normed, build.weight(name('ssm_out.weight'), [hidden, inner])]);
}
