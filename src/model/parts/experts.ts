import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

export interface ExpertsPart {
  readonly layer: number;
  readonly hidden: number;
  /** Experts, and how many of them each token gets. */
  readonly count: number;
  readonly used: number;
  /** Width of one expert. */
  readonly feedForward: number;
  /** Weights of a token's experts are divided by their sum. */
  readonly normalize: boolean;
  readonly activation: 'silu' | 'gelu';
  /** Width of an expert that every token gets, and whether a sigmoid of the token scales it. */
  readonly shared?: { readonly feedForward: number; readonly gated: boolean };
}

/** A mixture of experts, with a shared one beside it. @param x normed, [tokens, hidden] → [tokens, hidden] */
export function experts(build: GraphBuilder, x: ValueId, part: ExpertsPart): ValueId {
  const { layer, hidden, count, used, feedForward, normalize, activation } = part;
  const weight = (name: string, rows: number, columns: number): ValueId =>
    build.weight(`blk.${layer}.${name}.weight`, [rows, columns]);
  const logits = build.node('linear', [x, weight('ffn_gate_inp', count, hidden)]);
  const [ids, shares] = build.nodes('route', [logits], { k: used, normalize });
  const [order, offsets] = build.nodes('dispatch', [ids], { experts: count });
  const rows = build.node('gatherSlots', [x, order], { k: used });
  const grouped = (name: string, input: ValueId, width: number, columns: number): ValueId =>
    build.node('groupedLinear', [input, weight(name, count * width, columns), offsets]);
  const gate = grouped('ffn_gate_exps', rows, feedForward, hidden);
  const up = grouped('ffn_up_exps', rows, feedForward, hidden);
  const inner = build.node('gated', [gate, up], { activation });
  const made = grouped('ffn_down_exps', inner, hidden, feedForward);
  const routed = build.node('combine', [made, order, shares], { k: used });
  if (part.shared === undefined) return routed;
  return build.node('add', [sharedExpert(build, x, part, part.shared), routed]);
}

function sharedExpert(
  build: GraphBuilder,
  x: ValueId,
  { layer, hidden, activation }: ExpertsPart,
  { feedForward, gated }: NonNullable<ExpertsPart['shared']>,
): ValueId {
  const weight = (name: string, rows: number, columns: number): ValueId =>
    build.weight(`blk.${layer}.${name}.weight`, [rows, columns]);
  const gate = build.node('linear', [x, weight('ffn_gate_shexp', feedForward, hidden)]);
  const up = build.node('linear', [x, weight('ffn_up_shexp', feedForward, hidden)]);
  const inner = build.node('gated', [gate, up], { activation });
  const made = build.node('linear', [inner, weight('ffn_down_shexp', hidden, feedForward)]);
  if (!gated) return made;
  const logit = build.node('linear', [x, weight('ffn_gate_inp_shexp', 1, hidden)]);
  return build.node('scaleRows', [made, build.node('activate', [logit], { activation: 'sigmoid' })]);
}
