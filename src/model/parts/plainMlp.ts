import type { Activation } from '../../kernels/contract.ts';
import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

export interface PlainMlpPart {
  readonly layer: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly activation: Activation;
  /** Default: both layers have one. */
  readonly hasBiases?: boolean;
}

/** down(activation(up(x))). @param x [tokens, hidden] → [tokens, hidden] */
export function plainMlp(build: GraphBuilder, x: ValueId, part: PlainMlpPart): ValueId {
  const { layer, hidden, feedForward, activation, hasBiases = true } = part;
  const linear = (name: string, input: ValueId, rows: number, columns: number): ValueId => {
    const product = build.node('linear', [input, build.weight(`blk.${layer}.${name}.weight`, [rows, columns])]);
    return hasBiases ? build.node('addBias', [product, build.weight(`blk.${layer}.${name}.bias`, [rows])]) : product;
  };
  const inner = build.node('activate', [linear('ffn_up', x, feedForward, hidden)], { activation });
  return linear('ffn_down', inner, hidden, feedForward);
}
