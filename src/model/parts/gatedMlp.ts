import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

export interface GatedMlpPart {
  readonly layer: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly activation: 'silu' | 'gelu';
}

/** down(activation(gate(x)) · up(x)). @param x normed, [tokens, hidden] → [tokens, hidden] */
export function gatedMlp(build: GraphBuilder, x: ValueId, part: GatedMlpPart): ValueId {
  const { layer, hidden, feedForward, activation } = part;
  const weight = (kind: string, rows: number, columns: number): ValueId =>
    build.weight(`blk.${layer}.ffn_${kind}.weight`, [rows, columns]);
  const gate = build.node('linear', [x, weight('gate', feedForward, hidden)]);
  const up = build.node('linear', [x, weight('up', feedForward, hidden)]);
  const inner = build.node('gated', [gate, up], { activation });
  return build.node('linear', [inner, weight('down', hidden, feedForward)]);
}
