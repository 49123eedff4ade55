import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

export interface LayerNormPart {
  /** GGUF's name of the norm, without `.weight`. */
  readonly name: string;
  readonly hidden: number;
  readonly epsilon: number;
  /** Whether there is a bias behind it; default true. */
  readonly bias?: boolean;
}

/** (x − mean) / deviation · gain + bias of every row. @see Ba, Kiros and Hinton, "Layer normalization" (2016) */
export function layerNorm(build: GraphBuilder, x: ValueId, part: LayerNormPart): ValueId {
  const { name, hidden, epsilon, bias = true } = part;
  const gain = build.weight(`${name}.weight`, [hidden]);
  const normed = build.node('rmsNorm', [build.node('center', [x]), gain], { epsilon });
  return bias ? build.node('addBias', [normed, build.weight(`${name}.bias`, [hidden])]) : normed;
}
