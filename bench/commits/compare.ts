import { readFile, rm } from 'node:fs/promises';
import { differenceOfDigests, relativeDifference, relativeDifferenceEach, type Values } from './arrays.ts';
import type { CommitProcess } from './process.ts';
import type { Comparison, Difference, Digest, Digests } from './types.ts';

/**
 * Has both commits do the same, and compares what they computed: digests first, and the arrays where these differ.
 * @param folder for those arrays
 */
export async function compareAnswers(
  [base, head]: readonly [CommitProcess, CommitProcess],
  folder: string,
  what: Pick<Comparison, 'heading' | 'detail'>,
  ask: (commit: CommitProcess) => Promise<Digests>,
): Promise<Comparison> {
  const [first, second] = await Promise.all([ask(base), ask(head)]);
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])];
  const unequal = names.filter((name) => first[name]?.sha256 !== second[name]?.sha256);
  const known = new Map(unequal.map((name) => [name, differenceOfDigests(name, first[name], second[name])]));
  const open = unequal.filter((name) => known.get(name) === undefined);
  const pair = await Promise.all([base, head].map((commit) => loadArrays(commit, open, first, folder)));
  for (const [i, name] of open.entries())
    known.set(name, differenceOfValues(name, first[name].type, pair[0][i], pair[1][i]));
  return { ...what, compared: names.length, differences: [...known.values()] as Difference[] };
}

function differenceOfValues(name: string, type: Digest['type'], base: Values, head: Values): Difference {
  const relative = (type === 'numbers' ? relativeDifferenceEach : relativeDifference)(base, head);
  return relative > 0 ? { name, relative } : { name, relative, reason: 'differs in names, signs of zeros or NaN only' };
}

async function loadArrays(
  commit: CommitProcess,
  names: readonly string[],
  digests: Digests,
  folder: string,
): Promise<Values[]> {
  if (names.length === 0) return [];
  const paths = await commit.ask('save', { names, folder });
  const arrays: Values[] = [];
  for (const [i, path] of paths.entries()) {
    arrays.push(asValues(await readFile(path), digests[names[i]]));
    await rm(path);
  }
  return arrays;
}

function asValues(bytes: Uint8Array, { type }: Digest): Values {
  const { buffer } = Uint8Array.from(bytes);
  return type === 'float32' ? new Float32Array(buffer) : new Float64Array(buffer);
}

/** One line per heading, and the worst of what differs below it. Returns whether all is equal. */
export function printComparisons(comparisons: readonly Comparison[]): boolean {
  for (const [heading, group] of Map.groupBy(comparisons, (each) => each.heading)) {
    const compared = group.reduce((sum, each) => sum + each.compared, 0);
    const differing = group
      .flatMap(({ detail, differences }) => differences.map((difference) => ({ detail, ...difference })))
      .sort((a, b) => b.relative - a.relative);
    if (differing.length === 0) {
      console.log(`${heading}: ${compared} equal`);
      continue;
    }
    console.log(`${heading}: ${differing.length} of ${compared} DIFFER, the most:`);
    for (const { detail, name, relative, reason } of differing.slice(0, SHOWN))
      console.log(`    ${[detail, name].filter(Boolean).join(', ')}: ${reason ?? `by ${relative.toExponential(1)}`}`);
  }
  return comparisons.length > 0 && comparisons.every(({ differences }) => differences.length === 0);
}

/** Lines on what differs under one heading. */
const SHOWN = 4;
