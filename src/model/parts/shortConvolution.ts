import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

export interface ShortConvolutionPart {
  readonly layer: number;
  readonly hidden: number;
  /** Tokens that it sees, the newest among them. */
  readonly taps: number;
}

/**
 * out(c · conv(b · v)), b, c and v being thirds of one projection: a convolution that the token itself opens and closes.
 * @param x normed, [tokens, hidden] → [tokens, hidden]
 */
export function shortConvolution(
  build: GraphBuilder,
  x: ValueId,
  { layer, hidden, taps }: ShortConvolutionPart,
): ValueId {
  const weight = (name: string, rows: number, columns: number): ValueId =>
    build.weight(`blk.${layer}.shortconv.${name}.weight`, [rows, columns]);
  const projected = build.node('linear', [x, weight('in_proj', 3 * hidden, hidden)]);
  const [b, c, v] = build.nodes('split', [projected], { widths: [hidden, hidden, hidden] });
  const opened = build.node('multiply', [b, v]);
  const seen = build.node('shortConv', [opened, weight('conv', hidden, taps)], { state: `blk.${layer}.shortconv` });
  return build.node('linear', [build.node('multiply', [c, seen]), weight('out_proj', hidden, hidden)]);
}
