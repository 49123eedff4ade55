import type { GraphBuilder } from '../../graph/build.ts';
import type { Activation, ValueId } from '../../graph/types.ts';
import { type MlpPart, mlpProduct } from './gatedMlp.ts';

export interface PlainMlpPart extends MlpPart {
  readonly activation: Activation;
}

/** down(activation(up(x))). @param x [tokens, hidden] → [tokens, hidden] */
export function plainMlp(build: GraphBuilder, x: ValueId, part: PlainMlpPart): ValueId {
  const { hidden, feedForward, activation } = part;
  const up = mlpProduct(build, x, part, 'up', feedForward, hidden);
  return mlpProduct(build, build.node('activate', [up], { activation }), part, 'down', hidden, feedForward);
}
