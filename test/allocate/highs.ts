import loadHighs from 'highs';
import type { Option, Problem } from '../../src/allocate/types.ts';

// The package's declarations describe CommonJS, where the loader stands under `default`; its ES module exports it itself.
const highs = await (loadHighs as unknown as typeof loadHighs.default)();

/**
 * The same problem as a mixed-integer program in LP format, for the independent solver HiGHS. Losses are scaled to be at
 * most 1,000 and bytes at most 1,000: HiGHS's tolerances are absolute.
 */
export function toLp({ groups, budgets }: Problem, lossScale: number): string {
  const bytesScale = 1000 / largest(groups, (option) => option.costs.bytes);
  const name = (g: number, o: number) => `x${g}_${o}`;
  const terms = (value: 'loss' | 'bytes') =>
    groups
      .flatMap((group, g) =>
        group.options.map(
          (option, o) =>
            `${value === 'loss' ? option.loss * lossScale : option.costs.bytes * bytesScale} ${name(g, o)}`,
        ),
      )
      .join('\n + ');
  const rows = groups.map((group, g) => ` one${g}: ${group.options.map((_, o) => name(g, o)).join(' + ')} = 1`);
  const binaries = groups.flatMap((group, g) => group.options.map((_, o) => name(g, o)));
  return `Minimize\n loss: ${terms('loss')}\nSubject To\n size: ${terms('bytes')} <= ${budgets.bytes * bytesScale}\n${rows.join('\n')}\nBinary\n ${binaries.join('\n ')}\nEnd\n`;
}

function largest(groups: Problem['groups'], value: (option: Option) => number): number {
  return Math.max(Number.MIN_VALUE, ...groups.flatMap((group) => group.options.map(value)));
}

/** Least loss as HiGHS proves it; undefined when it finds the problem infeasible. */
export function solveByHighs(problem: Problem): number | undefined {
  const lossScale = 1000 / largest(problem.groups, (option) => option.loss);
  const solution = highs.solve(toLp(problem, lossScale), { mip_rel_gap: 0, mip_abs_gap: 0, output_flag: false });
  if (solution.Status === 'Infeasible') return undefined;
  if (solution.Status !== 'Optimal') throw new Error(`HiGHS: ${solution.Status}`);
  return solution.ObjectiveValue / lossScale;
}
