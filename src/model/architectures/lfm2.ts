import { FormatError } from '../../core/errors.ts';
import { readInteger, readNumber } from '../config-fields.ts';
import { commonNames } from '../names.ts';
import {
  readShortConvolutions,
  shortConvolutionFields,
  shortConvolutionGraph,
  shortConvolutionMetadata,
  shortConvolutionNames,
  shortConvolutionsOf,
} from './shortConvolutions.ts';
import type { Architecture, ConfigFields, HuggingFaceClass } from './types.ts';

/** Width of the feed-forward part: a share of the number in the fields, rounded up. */
function feedForward(fields: ConfigFields, subject: string): number {
  const given = readInteger({ given: fields['block_ff_dim'] ?? fields['intermediate_size'] }, 'given', subject, 12288);
  if (fields['block_auto_adjust_ff_dim'] === false) return given;
  const multiple = readInteger(fields, 'block_multiple_of', subject, 256);
  const factor = readNumber(fields, 'block_ffn_dim_multiplier', subject, 1);
  return multiple * Math.ceil(Math.trunc(factor * Math.trunc((2 * given) / 3)) / multiple);
}

const huggingFace: HuggingFaceClass = {
  modelType: 'lfm2',
  names: ['Lfm2ForCausalLM', 'LFM2ForCausalLM', 'Lfm2Model'],
  defaults: { contextLength: 128000, kvHeads: 8, ropeBase: 1e6, normEpsilon: 1e-5 },
  canonical: (fields) => ({
    ...shortConvolutionFields(fields),
    intermediate_size: feedForward(fields, 'config.json'),
  }),
  read: (fields, { layers }, subject) => {
    if (fields['conv_bias'] === true)
      throw new FormatError(`${subject}: conv_bias is true, which GGUF cannot say of such models`);
    return { recurrent: shortConvolutionsOf(fields, layers, subject) };
  },
};

/** LFM2 and LFM2.5: short convolutions in most blocks, normed queries and keys in the others. */
export const lfm2: Architecture = {
  name: 'lfm2',
  huggingFace: [huggingFace],
  ropeStyle: 'halves',
  names: { ...commonNames, ...shortConvolutionNames },
  graph: shortConvolutionGraph,
  readGguf: readShortConvolutions,
  metadata: shortConvolutionMetadata,
};
