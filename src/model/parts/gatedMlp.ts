import type { GraphBuilder } from '../../graph/build.ts';
import type { GateActivation, ValueId } from '../../graph/types.ts';

export interface MlpPart {
  readonly layer: number;
  readonly hidden: number;
  readonly feedForward: number;
  /** Layers that have biases, of `ffn_gate`, `ffn_up` and `ffn_down`; default none. */
  readonly biases?: readonly string[];
  /** What the names of the weights end with: `_shexp` for a shared expert's; default nothing. */
  readonly suffix?: string;
}

export interface GatedMlpPart extends MlpPart {
  readonly activation: GateActivation;
  /** Rows of gate and up are one weight, `ffn_up`, those of the gate first. */
  readonly fused?: boolean;
}

/** down(activation(gate(x)) · up(x)). @param x normed, [tokens, hidden] → [tokens, hidden] */
export function gatedMlp(build: GraphBuilder, x: ValueId, part: GatedMlpPart): ValueId {
  const { hidden, feedForward, activation, fused } = part;
  const product = (kind: 'gate' | 'up', rows: number): ValueId => mlpProduct(build, x, part, kind, rows, hidden);
  const [gate, up] = fused
    ? build.nodes('split', [product('up', 2 * feedForward)], { widths: [feedForward, feedForward] })
    : [product('gate', feedForward), product('up', feedForward)];
  return mlpProduct(build, build.node('gated', [gate, up], { activation }), part, 'down', hidden, feedForward);
}

/** A product with one of the part's matrices, with its bias where it has one. */
export function mlpProduct(
  build: GraphBuilder,
  x: ValueId,
  { layer, biases, suffix = '' }: MlpPart,
  kind: 'gate' | 'up' | 'down',
  rows: number,
  columns: number,
): ValueId {
  const name = `ffn_${kind}`;
  const made = build.node('linear', [x, build.weight(`blk.${layer}.${name}${suffix}.weight`, [rows, columns])]);
  if (!biases?.includes(name)) return made;
  return build.node('addBias', [made, build.weight(`blk.${layer}.${name}${suffix}.bias`, [rows])]);
}
