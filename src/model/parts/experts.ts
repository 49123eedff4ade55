import type { GraphBuilder } from '../../graph/build.ts';
import type { GateActivation, ValueId } from '../../graph/types.ts';
import type { ExpertsConfig } from '../types.ts';
import { gatedMlp } from './gatedMlp.ts';

export interface ExpertsPart extends ExpertsConfig {
  readonly layer: number;
  readonly hidden: number;
  readonly activation: GateActivation;
}

/**
 * A mixture of experts, with a shared one beside it. @param x normed, [tokens, hidden] → [tokens, hidden]
 * @param routerInput what the router looks at, default the same
 */
export function experts(build: GraphBuilder, x: ValueId, part: ExpertsPart, routerInput = x): ValueId {
  const { layer, hidden, count, used, feedForward, activation } = part;
  const weight = (name: string, rows: number, columns: number): ValueId =>
    build.weight(`blk.${layer}.${name}.weight`, [rows, columns]);
  const { ids, shares } = routed(build, routerInput, part);
  const [order, offsets] = build.nodes('dispatch', [ids], { experts: count });
  const slots = build.node('gatherSlots', [x, order], { k: used });
  const weights = part.weighsInputs ? build.node('gatherSlots', [shares, order], { k: 1 }) : undefined;
  const rows = weights === undefined ? slots : build.node('scaleRows', [slots, weights]);
  const grouped = (name: string, input: ValueId, width: number, columns: number): ValueId => {
    const product = build.node('groupedLinear', [input, weight(name, count * width, columns), offsets]);
    if (!part.biases) return product;
    return build.node('groupedBias', [product, build.weight(`blk.${layer}.${name}.bias`, [count * width]), offsets]);
  };
  const gate = grouped('ffn_gate_exps', rows, feedForward, hidden);
  const up = grouped('ffn_up_exps', rows, feedForward, hidden);
  const inner = build.node('gated', [gate, up], { activation });
  const down = grouped('ffn_down_exps', inner, hidden, feedForward);
  const made = part.outputScales
    ? build.node('groupedScale', [down, build.weight(`blk.${layer}.ffn_down_exps.scale`, [count]), offsets])
    : down;
  const combined =
    weights === undefined
      ? build.node('combine', [made, order, shares], { k: used })
      : build.node('sumSlots', [made, order], { k: used });
  if (part.sharedFeedForward === undefined) return combined;
  return build.node('add', [sharedExpert(build, x, part, part.sharedFeedForward), combined]);
}

/** Each token's experts and their weights, both [tokens · used]. @param x what the router looks at, [tokens, hidden] */
export function routed(
  build: GraphBuilder,
  x: ValueId,
  part: Pick<ExpertsPart, 'layer' | 'hidden'> & ExpertsConfig,
): { readonly ids: ValueId; readonly shares: ValueId } {
  const { layer, hidden, count, used, normalize = false, gating, scale, groups, selectionBias, biases } = part;
  const router = build.weight(`blk.${layer}.ffn_gate_inp.weight`, [count, hidden]);
  const bias = selectionBias ? build.weight(`blk.${layer}.exp_probs_b.bias`, [count]) : null;
  const product = build.node('linear', [x, router]);
  const logits = biases
    ? build.node('addBias', [product, build.weight(`blk.${layer}.ffn_gate_inp.bias`, [count])])
    : product;
  const [ids, shares] = build.nodes('route', [logits, bias], {
    k: used,
    normalize,
    ...(gating === undefined ? {} : { gating }),
    ...(scale === undefined ? {} : { scale }),
    ...(groups && { groups: groups.count, usedGroups: groups.used, groupBest: groups.best }),
  });
  return { ids, shares };
}

/** An expert that every token gets. */
export function sharedExpert(
  build: GraphBuilder,
  x: ValueId,
  { layer, hidden, activation, sharedGate }: ExpertsPart,
  feedForward: number,
): ValueId {
  const made = gatedMlp(build, x, { layer, hidden, feedForward, activation, suffix: '_shexp' });
  if (!sharedGate) return made;
  const logit = build.node('linear', [x, build.weight(`blk.${layer}.ffn_gate_inp_shexp.weight`, [1, hidden])]);
  return build.node('scaleRows', [made, build.node('activate', [logit], { activation: 'sigmoid' })]);
}
