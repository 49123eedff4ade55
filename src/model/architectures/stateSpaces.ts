import { FormatError } from '../../core/errors.ts';
import type { TypedMetadata } from '../../text/types.ts';
import { readInteger } from '../config-fields.ts';
import type { GgufKeys } from '../gguf-keys.ts';
import type { ModelConfig, RecurrentConfig } from '../types.ts';
import { negativeExponential } from './deltaNets.ts';
import type { ConfigFields, Conversion, TensorNames, TensorShapes } from './types.ts';

/* What models with Mamba-2 in some blocks have in common. */

/** @param part what Hugging Face calls the state space of a block, `model.layers.{layer}.` before it */
export function stateSpaceNames(part: string): TensorNames {
  const name = (suffix: string): string => `model.layers.{layer}.${part}.${suffix}`;
  return {
    ssm_in: name('in_proj.weight'),
    ssm_conv1d: { huggingFace: name('conv1d.weight'), exact: true },
    'ssm_conv1d.bias': name('conv1d.bias'),
    'ssm_dt.bias': name('dt_bias'),
    ssm_a: { huggingFace: name('A_log'), convert: () => ({ value: negativeExponential }), exact: true },
    ssm_d: { huggingFace: name('D'), exact: true },
    ssm_norm: { huggingFace: name('norm.weight'), convert: inGroups, exact: true },
    ssm_out: name('out_proj.weight'),
  };
}

/** Gains are one vector there, and rows of groups in GGUF. */
function inGroups({ recurrent }: ModelConfig): Conversion {
  const { count, valueDim } = recurrent!.heads!;
  return { shape: [count * valueDim] };
}

/** Names of the fields that say how large states are. */
export interface StateSpaceFields {
  readonly heads: string;
  readonly headDim: string;
  readonly groups: string;
  readonly state: string;
  readonly taps: string;
  /** Whether the convolution has a bias. */
  readonly bias: string;
}

/** @param isRecurrent which blocks are state spaces @param defaults what absent fields mean */
export function stateSpacesOf(
  fields: ConfigFields,
  names: StateSpaceFields,
  defaults: Readonly<Record<'heads' | 'headDim' | 'groups' | 'state', number>>,
  layers: readonly boolean[],
  subject: string,
): RecurrentConfig {
  const integer = (name: keyof typeof defaults): number => readInteger(fields, names[name], subject, defaults[name]);
  return {
    layers,
    taps: readInteger(fields, names.taps, subject, 4),
    plain: fields[names.bias] === false,
    heads: {
      count: integer('heads'),
      keys: integer('groups'),
      keyDim: integer('state'),
      valueDim: integer('headDim'),
    },
  };
}

/** @param layers which blocks are state spaces */
export function readStateSpaces(keys: GgufKeys, layers: readonly boolean[], tensors: TensorShapes): RecurrentConfig {
  const count = keys.integer('ssm.time_step_rank');
  const inner = keys.integer('ssm.inner_size');
  if (inner % count !== 0)
    throw new FormatError(
      `GGUF: ssm.inner_size is ${inner}, which the ${count} heads of ssm.time_step_rank do not divide`,
    );
  const first = layers.indexOf(true);
  return {
    layers,
    taps: keys.integer('ssm.conv_kernel'),
    plain: !tensors.has(`blk.${first}.ssm_conv1d.bias`),
    heads: {
      count,
      keys: keys.integer('ssm.group_count'),
      keyDim: keys.integer('ssm.state_size'),
      valueDim: inner / count,
    },
  };
}

export function* stateSpaceMetadata({ recurrent }: ModelConfig): Iterable<readonly [string, TypedMetadata]> {
  const { count, keys, keyDim, valueDim } = recurrent!.heads!;
  const uint = (key: string, value: number) => [key, { type: 'uint32', value }] as const;
  yield uint('ssm.conv_kernel', recurrent!.taps);
  yield uint('ssm.state_size', keyDim);
  yield uint('ssm.group_count', keys);
  yield uint('ssm.inner_size', count * valueDim);
  yield uint('ssm.time_step_rank', count);
}
