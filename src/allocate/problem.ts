import { UsageError } from '../core/errors.ts';
import type { Group, Solution } from './types.ts';

/**
 * Groups as the solver works on them: every group's useful options in ascending order of weight and strictly descending
 * order of loss, flattened. Option i of group g stands at `start[g] + i`, and option 0 of each group weighs nothing.
 */
export interface ReducedGroups {
  readonly groups: readonly Group[];
  /** [groups + 1] */
  readonly start: Int32Array;
  /** Bytes above the group's smallest option, in units of `unit`. [options] */
  readonly weight: Float64Array;
  /** [options] */
  readonly loss: Float64Array;
  /** Index in `groups[g].options`. [options] */
  readonly option: Int32Array;
  /** Greatest common divisor of all differences in bytes. */
  readonly unit: number;
  readonly range: Solution['range'];
}

/**
 * Checks the groups and drops every option that another of its group beats or equals in bytes and in loss.
 *
 * @throws UsageError for a group without options, and for bytes or losses that are not usable numbers
 */
export function reduceGroups(groups: readonly Group[]): ReducedGroups {
  const start = new Int32Array(groups.length + 1);
  const total = groups.reduce((sum, group) => sum + group.options.length, 0);
  const bytes = new Float64Array(total);
  const loss = new Float64Array(total);
  const option = new Int32Array(total);
  let count = 0;
  let least = 0;
  let most = 0;
  let largestGroup = '';
  let largest = -1;
  for (let g = 0; g < groups.length; g++) {
    const { id, options } = groups[g];
    let groupMost = 0;
    for (const candidate of options) {
      checkOption(id, candidate);
      if (candidate.bytes > groupMost) groupMost = candidate.bytes;
    }
    start[g] = count;
    for (const index of undominated(options)) {
      bytes[count] = options[index].bytes;
      loss[count] = options[index].loss;
      option[count++] = index;
    }
    if (count === start[g]) throw new UsageError(`group ${id} has no options; give it at least one`);
    const groupLeast = bytes[start[g]];
    if (groupLeast > largest) {
      largest = groupLeast;
      largestGroup = id;
    }
    least += groupLeast;
    most += groupMost;
  }
  start[groups.length] = count;
  const unit = toWeights(bytes, start);
  return {
    groups,
    start,
    weight: bytes.subarray(0, count),
    loss: loss.subarray(0, count),
    option: option.subarray(0, count),
    unit,
    range: { least, most, largestGroup },
  };
}

function checkOption(group: string, candidate: Group['options'][number]): void {
  if (!Number.isSafeInteger(candidate.bytes) || candidate.bytes < 0)
    throw new UsageError(
      `group ${group} option ${candidate.id}: bytes is ${candidate.bytes}, expected a whole number ≥ 0`,
    );
  if (!Number.isFinite(candidate.loss))
    throw new UsageError(`group ${group} option ${candidate.id}: loss is ${candidate.loss}, expected a finite number`);
}

/** Indices of the options no other option makes useless, ascending in bytes. The first of equals stays. */
function undominated(options: Group['options']): number[] {
  const order = options.map((_, index) => index);
  const ascending = options.every((option, index) => index === 0 || options[index - 1].bytes < option.bytes);
  if (!ascending)
    order.sort((a, b) => options[a].bytes - options[b].bytes || options[a].loss - options[b].loss || a - b);
  let best = Number.POSITIVE_INFINITY;
  return order.filter((index) => {
    if (options[index].loss >= best) return false;
    best = options[index].loss;
    return true;
  });
}

/** Turns bytes into weights above the group's smallest option, in units of their common divisor, which it returns. */
function toWeights(bytes: Float64Array, start: Int32Array): number {
  let unit = 0;
  for (let g = 0; g + 1 < start.length; g++) {
    const base = bytes[start[g]];
    for (let i = start[g]; i < start[g + 1]; i++) {
      bytes[i] -= base;
      unit = greatestCommonDivisor(bytes[i], unit);
    }
  }
  unit = Math.max(unit, 1);
  for (let i = 0; i < start[start.length - 1]; i++) bytes[i] /= unit;
  return unit;
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}
