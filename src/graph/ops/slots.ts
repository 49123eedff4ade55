import { FormatError } from '../../core/errors.ts';
import { timesSize } from '../../kernels/program.ts';
import type { Attributes, Op, Type } from '../types.ts';
import { matrixOf, numberOf, shareOf } from './checks.ts';

/*
 * Between `route` and `dispatch` slots may lose their experts: they then go to no expert, whose id is the number of
 * experts, and count 0. `dispatch` puts them last, and products leave zeros in their rows without any work.
 */

/** Types of ids and weights, which stay what they are. */
function slotTypes(op: string, [ids, weights]: readonly (Type | undefined)[]): Type[] {
  if (ids?.type !== 'i32' || weights?.type !== 'f32') throw new FormatError(`${op}: expects ids and weights of slots`);
  return [ids, weights];
}

function numbersOf(op: string, attributes: Attributes, name: string, count: number): void {
  const found = attributes[name];
  if (!Array.isArray(found) || found.length !== count)
    throw new FormatError(`${op}: ${name} has ${Array.isArray(found) ? found.length : 0} numbers, expected ${count}`);
}

/**
 * Experts of a token that are worth their work: inputs ids and weights of `route`, and scores [tokens, k] or null. Slot j
 * of a token, expert e, is kept where scores_j + ratios_j · w_j / w_0 + levels_j · w_j + offsets_j + biases_e > 0, the first
 * one always.
 * @see Lu et al., "Not all experts are equal" (2024), for two experts; Huang et al., MC-MoE (2024) and MC# (2025)
 */
export const keepSlots: Op = {
  name: 'keepSlots',
  infer: (inputs, attributes) => {
    const k = numberOf(attributes, 'k');
    numbersOf('keepSlots', attributes, 'biases', numberOf(attributes, 'experts'));
    for (const name of ['ratios', 'levels', 'offsets']) numbersOf('keepSlots', attributes, name, k);
    return slotTypes('keepSlots', inputs);
  },
  lower: ({ inputs: [ids, weights, scores], outputs, attributes }) => [
    { kernel: 'keepSlots', operands: [ids!, weights!, scores ?? -1, ...outputs], sizes: {}, attributes },
  ],
};

/** Slots of `count` experts from `from` on, ids counted from there; the others go to no expert of these. */
export const slotsOfExperts: Op = {
  name: 'slotsOfExperts',
  infer: (inputs, attributes) => {
    for (const name of ['from', 'count']) numberOf(attributes, name);
    return slotTypes('slotsOfExperts', inputs);
  },
  lower: ({ inputs: [ids, weights], outputs, attributes }) => [
    { kernel: 'slotsOfExperts', operands: [ids!, weights!, ...outputs], sizes: {}, attributes },
  ],
  vjp: ({ inputs: [ids], attributes }, [, dWeights], build) => [
    null,
    dWeights === undefined
      ? null
      : (addend) => shareOf(build, build.nodes('slotsOfExperts', [ids, dWeights], attributes)[1])(addend),
  ],
};

/**
 * Experts hold `factor` times an even share of the slots of all tokens that run together: inputs the router's logits
 * [tokens, experts], ids and weights [tokens·k]; outputs have one slot more a token. A slot that does not fit is dropped, or
 * goes to the token's best expert with a place where `reroute`; places that are left are given to the tokens that want the
 * expert most where `fill`.
 * @see Zeng et al., "Turn Waste into Worth: Rectifying Top-k Router of MoE" (2024): intra-GPU and fill-in rectification,
 *   with all experts on one device
 */
export const limitSlots: Op = {
  name: 'limitSlots',
  infer: ([logits, ids, weights], attributes) => {
    slotTypes('limitSlots', [ids, weights]);
    for (const name of ['experts', 'factor']) numberOf(attributes, name);
    const slots = timesSize(matrixOf('limitSlots', logits).rows, numberOf(attributes, 'k') + 1);
    return [
      { type: 'i32', shape: [slots] },
      { type: 'f32', shape: [slots] },
    ];
  },
  lower: ({ inputs, outputs, attributes }) => [
    { kernel: 'limitSlots', operands: [...inputs.map((id) => id!), ...outputs], sizes: {}, attributes },
  ],
};
