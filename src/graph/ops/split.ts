import { FormatError } from '../../core/errors.ts';
import type { Attributes, Call, Op, Share, ValueId } from '../types.ts';
import { countSize, matrixOf, numberOf, once, requireWidth, shareOf, told } from './checks.ts';
import { einsumOf, lastPlace, lastSlice, plus, reshaped, rowsIn, shapeIn } from './primitives/algebra.ts';
import { countIn, numbersOf } from './primitives/shapes.ts';

/** Widths of the parts of one group. */
const widthsOf = (op: string, attributes: Attributes): readonly number[] => numbersOf(op, attributes, 'widths');

/** Where a part of a group begins. */
const startOf = (widths: readonly number[], part: number): number => sum(widths.slice(0, part));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Copies between rows of groups and their parts. @param whole the operand that holds all parts */
function copies(
  kernel: 'takePart' | 'putPart',
  whole: ValueId,
  parts: readonly (ValueId | null)[],
  op: string,
  attributes: Attributes,
): Call[] {
  const widths = widthsOf(op, attributes);
  return parts.map((part, i) => ({
    kernel,
    operands: kernel === 'takePart' ? [whole, part!] : [part ?? -1, whole],
    sizes: { group: sum(widths), start: startOf(widths, i), width: widths[i] },
    attributes: {},
  }));
}

/**
 * Columns in parts: x [tokens, groups·Σ widths] → a part [tokens, groups·width] for each of `widths`. Every group holds the
 * parts one after the other; `groups` is 1 by default.
 */
export const split: Op = {
  name: 'split',
  infer: ([x], attributes) => {
    const { rows, width } = matrixOf('split', x);
    const [widths, groups] = [widthsOf('split', attributes), numberOf(attributes, 'groups', 1)];
    requireWidth('split', 'input', width, groups * sum(widths));
    return widths.map((each) => ({ type: 'f32', shape: [rows, groups * each] }));
  },
  lower: ({ inputs: [x], outputs, attributes }) => copies('takePart', x!, outputs, 'split', attributes),
  expand: ({ inputs: [x], attributes }, build) => {
    const [widths, [tokens]] = [widthsOf('split', attributes), shapeIn(build, x!)];
    const groups = numberOf(attributes, 'groups', 1);
    const whole = reshaped(build, x!, [tokens * groups, sum(widths)]);
    return widths.map((width, i) =>
      reshaped(build, lastSlice(build, whole, startOf(widths, i), width), [tokens, groups * width]),
    );
  },
  vjp: ({ attributes }, gradients, build) => [
    (addend) =>
      shareOf(
        build,
        build.node(
          'join',
          gradients.map((id) => id ?? null),
          attributes,
        ),
      )(addend),
  ],
};

/** Parts as columns of one matrix, as `split` takes them apart; a part that is absent is zeros. */
export const join: Op = {
  name: 'join',
  infer: (parts, attributes) => {
    const [widths, groups] = [widthsOf('join', attributes), numberOf(attributes, 'groups', 1)];
    const given = parts.find((part) => part !== undefined);
    if (parts.length !== widths.length || given === undefined)
      throw new FormatError(`join: ${parts.length} parts, expected one of each of ${widths.length} widths`);
    for (const [i, part] of parts.entries())
      if (part) requireWidth('join', 'part', matrixOf('join', part).width, groups * widths[i]);
    return [{ type: 'f32', shape: [matrixOf('join', given).rows, groups * sum(widths)] }];
  },
  lower: ({ inputs, outputs: [y], attributes }) => copies('putPart', y, inputs, 'join', attributes),
  expand: ({ inputs, attributes }, build) => {
    const [widths, groups] = [widthsOf('join', attributes), numberOf(attributes, 'groups', 1)];
    const parts = inputs.flatMap((part, i) => {
      if (part === null) return [];
      const rows = reshaped(build, part, [shapeIn(build, part)[0] * groups, widths[i]]);
      return [lastPlace(build, rows, sum(widths), startOf(widths, i))];
    });
    const whole = parts.reduce((total, part) => plus(build, total, part));
    return [reshaped(build, whole, [shapeIn(build, whole)[0] / groups, groups * sum(widths)])];
  },
  vjp: ({ inputs, attributes }, [dy], build) => {
    const parts = once(() => build.nodes('split', [dy!], attributes));
    return inputs.map((part, i): Share | null =>
      part === null ? null : (addend) => shareOf(build, parts()[i])(addend),
    );
  },
};

/** Columns that one factor of `scaleColumns` stands for. */
function runOf(op: string, width: number, count: number): number {
  if (count === 0 ? width > 0 : width % count !== 0)
    throw new FormatError(`${op}: ${width} columns are not whole runs for ${count} factors`);
  return count === 0 ? 0 : width / count;
}

/** y = x · s, a factor for every column, or for every run of columns as long: x [tokens, width], s of any shape. */
export const scaleColumns: Op = {
  name: 'scaleColumns',
  infer: ([x, s]) => {
    const count = countSize(s!.shape);
    if (typeof count !== 'number')
      throw new FormatError(`scaleColumns: factors are [${told(s!.shape)}], expected numbers`);
    runOf('scaleColumns', matrixOf('scaleColumns', x).width, count);
    return [{ type: 'f32', shape: x!.shape }];
  },
  lower: ({ inputs: [x, s], outputs: [y] }, lowering) => [
    {
      kernel: 'scaleColumns',
      operands: [x!, s!, y],
      sizes: { columns: matrixOf('scaleColumns', lowering.typeOf(x!)).width },
      attributes: {},
    },
  ],
  expand: ({ inputs: [x, s] }, build) => {
    const [shape, count] = [shapeIn(build, x!), countIn(shapeIn(build, s!))];
    const runs = reshaped(build, x!, [rowsIn(shape), count, runOf('scaleColumns', shape[1], count)]);
    const scaled = einsumOf(build, 'tcr,c->tcr', [runs, reshaped(build, s!, [count])]);
    return [reshaped(build, scaled, shape)];
  },
  vjp: ({ inputs: [x, s] }, [dy], build) => [
    (addend) => shareOf(build, build.node('scaleColumns', [dy!, s]))(addend),
    (addend) => shareOf(build, build.node('scaleColumnsGradient', [x, dy!, s]))(addend),
  ],
};

/** ds = Σ over tokens and a factor's columns of x·dy; s tells the shape alone. */
export const scaleColumnsGradient: Op = {
  name: 'scaleColumnsGradient',
  infer: ([, , s]) => [{ type: 'f32', shape: s!.shape }],
  lower: ({ inputs: [x, dy], outputs: [ds] }, lowering) => [
    {
      kernel: 'scaleColumnsGradient',
      operands: [x!, dy!, ds],
      sizes: { columns: matrixOf('scaleColumnsGradient', lowering.typeOf(x!)).width },
      attributes: {},
    },
  ],
};
