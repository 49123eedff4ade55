import { FormatError } from '../../../core/errors.ts';
import type { Attributes, Op, Type } from '../../types.ts';
import { numberOf, shareOf, textOf } from '../checks.ts';
import { fixedShape, stridesOf } from './shapes.ts';

/** Inputs and output as letters: `td,nd->tn`. */
function lettersOf(attributes: Attributes): { inputs: string[]; output: string } {
  const subscripts = textOf(attributes, 'subscripts');
  const [, left, output] = /^([a-z]*(?:,[a-z]*)*)->([a-z]*)$/.exec(subscripts) ?? [];
  const inputs = left?.split(',') ?? [];
  if (left === undefined || [...inputs, output].some((word) => new Set(word).size < word.length))
    throw new FormatError(
      `einsum: subscripts are ${subscripts}, expected such as td,nd->tn, no letter twice in a word`,
    );
  return { inputs, output };
}

/** Size of every letter: what inputs have, and what `sizes` says of letters that only the output has. */
function letterSizes(types: readonly (Type | undefined)[], attributes: Attributes): Map<string, number> {
  const { inputs } = lettersOf(attributes);
  if (inputs.length !== types.length)
    throw new FormatError(`einsum: ${types.length} inputs, expected ${inputs.length} for ${attributes.subscripts}`);
  const sizes = new Map(Object.entries((attributes.sizes ?? {}) as { readonly [letter: string]: number }));
  for (const [i, word] of inputs.entries()) {
    const shape = fixedShape('einsum', types[i]);
    if (shape.length !== word.length)
      throw new FormatError(`einsum: input ${i} is [${shape.join(', ')}], expected one size for each of ${word}`);
    for (const [axis, letter] of [...word].entries()) {
      const known = sizes.get(letter) ?? shape[axis];
      if (known !== shape[axis])
        throw new FormatError(`einsum: ${letter} is ${known} and ${shape[axis]} in ${attributes.subscripts}`);
      sizes.set(letter, known);
    }
  }
  return sizes;
}

/**
 * Products of all inputs, summed over the letters that the output lacks, times `factor`: sums, transposes, products of
 * elements, of matrices and of batches of them. Letters that only the output has repeat it; attribute `sizes` tells
 * their sizes. No letter stands twice in one input.
 *
 * @see Laue, Mitterreiter and Giesen, "A simple and efficient tensor calculus" (2020): closed under differentiation
 */
export const einsum: Op = {
  name: 'einsum',
  primitive: true,
  infer: (types, attributes) => {
    const sizes = letterSizes(types, attributes);
    const shape = [...lettersOf(attributes).output].map((letter) => {
      const size = sizes.get(letter);
      if (size === undefined) throw new FormatError(`einsum: nothing tells the size of ${letter}`);
      return size;
    });
    return [{ type: 'f32', shape }];
  },
  lower: ({ inputs, outputs: [y], attributes }, lowering) => {
    const types = inputs.map((id) => lowering.typeOf(id!));
    const { inputs: words, output } = lettersOf(attributes);
    const sizes = letterSizes(types, attributes);
    const summed = [...new Set(words.join(''))].filter((letter) => !output.includes(letter));
    const letters = [...output, ...summed];
    const strides = words.map((word, i) => {
      const own = stridesOf(fixedShape('einsum', types[i]));
      return letters.map((letter) => (word.includes(letter) ? own[word.indexOf(letter)] : 0));
    });
    return [
      {
        kernel: 'einsum',
        operands: [...inputs.map((id) => id!), y],
        sizes: {},
        attributes: {
          sizes: letters.map((letter) => sizes.get(letter)!),
          strides,
          free: output.length,
          factor: numberOf(attributes, 'factor', 1),
        },
      },
    ];
  },
  vjp: ({ inputs, attributes }, [dy], build) => {
    const { inputs: words, output } = lettersOf(attributes);
    return words.map((word, i) => (addend) => {
      const others = inputs.filter((_, j) => j !== i);
      const left = [output, ...words.filter((_, j) => j !== i)];
      const shape = fixedShape('einsum', build.typeOf(inputs[i]!));
      const missing = [...word].flatMap((letter, axis) =>
        left.join('').includes(letter) ? [] : [[letter, shape[axis]] as const],
      );
      const gradient = build.node('einsum', [dy!, ...others], {
        subscripts: `${left.join(',')}->${word}`,
        factor: numberOf(attributes, 'factor', 1),
        sizes: Object.fromEntries(missing),
      });
      return shareOf(build, gradient)(addend);
    });
  },
};
