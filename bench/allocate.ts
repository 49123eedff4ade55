/**
 * Exact allocation beside HiGHS on the same problems, both proving optimality: milliseconds (median of runs), their
 * ratio, and whether the losses agree. `npm run bench -- allocate`; `--quick` asks HiGHS on the small size only.
 */
import { solveMany } from '../src/allocate/solve.ts';
import type { Problem } from '../src/allocate/types.ts';
import { solveByHighs } from '../test/allocate/highs.ts';
import { bytesProblem, randomGroups } from '../test/allocate/instances.ts';
import { machine } from './support/machine.ts';
import { median } from './support/median.ts';

const RUNS = 15;
const quick = process.argv.includes('--quick');

function time<T>(work: () => T): { result: T; milliseconds: number } {
  const begin = performance.now();
  const result = work();
  return { result, milliseconds: performance.now() - begin };
}

function compare(
  kind: 'tensors' | 'layers' | 'uncorrelated',
  groups: number,
  options: number,
): Record<string, unknown> {
  const built = randomGroups(kind, groups, options, 1);
  const problem: Problem = bytesProblem(built, 0.4);
  const first = time(() => solveMany(built, 'bytes', [problem.budgets.bytes])[0]);
  const ours = median(
    Array.from({ length: RUNS }, () => time(() => solveMany(built, 'bytes', [problem.budgets.bytes])[0]).milliseconds),
  );
  const withHighs = !quick || groups < 100;
  const highs = withHighs ? time(() => solveByHighs(problem)) : undefined;
  return {
    kind,
    groups,
    options,
    status: first.result.status,
    'first ms': first.milliseconds.toFixed(1),
    'median ms': ours.toFixed(2),
    'HiGHS ms': highs?.milliseconds.toFixed(0) ?? '–',
    ratio: highs ? (highs.milliseconds / ours).toFixed(0) : '–',
    'loss ÷ HiGHS': highs?.result ? (first.result.loss / highs.result).toFixed(9) : '–',
  };
}

console.log(`${machine()}, seed 1`);
console.table(
  (['tensors', 'layers', 'uncorrelated'] as const).flatMap((kind) => [
    compare(kind, 60, 8),
    compare(kind, 211, 12),
    compare(kind, 1000, 20),
  ]),
);
