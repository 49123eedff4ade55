import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

export interface PlainMlpPart {
  readonly layer: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly activation: 'gelu' | 'geluErf';
}

/** down(activation(up(x))), both with biases. @param x [tokens, hidden] → [tokens, hidden] */
export function plainMlp(build: GraphBuilder, x: ValueId, part: PlainMlpPart): ValueId {
  const { layer, hidden, feedForward, activation } = part;
  const linear = (name: string, input: ValueId, rows: number, columns: number): ValueId =>
    build.node('addBias', [
      build.node('linear', [input, build.weight(`blk.${layer}.${name}.weight`, [rows, columns])]),
      build.weight(`blk.${layer}.${name}.bias`, [rows]),
    ]);
  const inner = build.node('activate', [linear('ffn_up', x, feedForward, hidden)], { activation });
  return linear('ffn_down', inner, hidden, feedForward);
}
