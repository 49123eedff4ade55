import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

export interface GatedMlpPart {
  readonly layer: number;
  readonly hidden: number;
  readonly feedForward: number;
  /** Layers that have biases, of `ffn_gate`, `ffn_up` and `ffn_down`; default none. */
  readonly biases?: readonly string[];
  readonly activation: 'silu' | 'gelu' | 'geluErf';
}

/** down(activation(gate(x)) · up(x)). @param x normed, [tokens, hidden] → [tokens, hidden] */
export function gatedMlp(build: GraphBuilder, x: ValueId, part: GatedMlpPart): ValueId {
  const { layer, hidden, feedForward, activation } = part;
  const linear = (kind: string, input: ValueId, rows: number, columns: number): ValueId => {
    const name = `ffn_${kind}`;
    const product = build.node('linear', [input, build.weight(`blk.${layer}.${name}.weight`, [rows, columns])]);
    if (!part.biases?.includes(name)) return product;
    return build.node('addBias', [product, build.weight(`blk.${layer}.${name}.bias`, [rows])]);
  };
  const gate = linear('gate', x, feedForward, hidden);
  const up = linear('up', x, feedForward, hidden);
  return linear('down', build.node('gated', [gate, up], { activation }), hidden, feedForward);
}

/** The same without biases, gate and up being the halves of one matrix, `ffn_up`, in this order. */
export function fusedGatedMlp(build: GraphBuilder, x: ValueId, part: GatedMlpPart): ValueId {
  const { layer, hidden, feedForward, activation } = part;
  const weight = (name: string, rows: number, columns: number): ValueId =>
    build.weight(`blk.${layer}.${name}.weight`, [rows, columns]);
  const both = build.node('linear', [x, weight('ffn_up', 2 * feedForward, hidden)]);
  const [gate, up] = [0, feedForward].map((start) => build.node('columns', [both], { start, count: feedForward }));
  const inner = build.node('gated', [gate, up], { activation });
  return build.node('linear', [inner, weight('ffn_down', hidden, feedForward)]);
}
