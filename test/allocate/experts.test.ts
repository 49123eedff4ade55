import assert from 'node:assert/strict';
import { test } from 'node:test';
import { solve, unfit } from '../../src/allocate/solve.ts';
import { solvers } from '../../src/allocate/solvers/table.ts';
import type { Problem } from '../../src/allocate/types.ts';
import { Random } from '../../src/core/random.ts';
import { bruteForce } from './instances.ts';

/*
 * The integer program of MC-MoE's pre-loading mixed-precision quantization: every expert of a block takes 1, 2 or 3 bits,
 * the block on average so many, and Σ φ^α·w^β·ε^γ is least. It is one budget over groups of three options.
 * Source: Huang et al., "MC-MoE: Mixture Compressor for Mixture-of-Experts LLMs Gains More" (2024), section 3.2.
 */

const BITS = [1, 2, 3];

/** Shares of tokens and weights of a router, and errors that fall fourfold a bit, as experts of trained models have them. */
function block(experts: number, seed: number) {
  const random = new Random(seed);
  const skewed = (): number[] => {
    const values = Array.from({ length: experts }, () => Math.exp(random.normal()));
    const total = values.reduce((sum, value) => sum + value, 0);
    return values.map((value) => value / total);
  };
  const [frequency, weight] = [skewed(), skewed()];
  const error = Array.from({ length: experts }, () => Math.exp(0.5 * random.normal()));
  const loss = (e: number, bits: number): number => frequency[e] * weight[e] * (error[e] * 2 ** -bits) ** 2;
  return { frequency, weight, error, loss };
}

function program(experts: number, average: number, seed: number): Problem {
  const { loss } = block(experts, seed);
  return {
    groups: Array.from({ length: experts }, (_, e) => ({
      id: `expert ${e}`,
      options: BITS.map((bits) => ({ id: `${bits}`, costs: { bits }, loss: loss(e, bits) })),
    })),
    budgets: { bits: Math.floor(average * experts) },
  };
}

test('the program over eight experts is solved as by brute force, by every solver that proves its answers', async () => {
  let solved = 0;
  for (const average of [1.5, 2, 2.54, 2.9])
    for (let seed = 0; seed < 3; seed++) {
      const problem = program(8, average, seed);
      const best = bruteForce(problem)!.loss;
      for (const solver of solvers.values()) {
        if (!solver.exact || unfit(solver, problem) !== undefined) continue;
        const { status, loss, costs } = await solve(problem, { solver: solver.name });
        assert.equal(status, 'optimal', solver.name);
        assert.ok(Math.abs(loss / best - 1) < 1e-7 && costs['bits'] <= problem.budgets['bits'], solver.name);
        solved++;
      }
    }
  assert.ok(solved >= 2 * 12, `${solved}`);
});

test('of 64 experts the important ones get more bits, and the plan beats one width for all at equal bits', async () => {
  for (let seed = 0; seed < 5; seed++) {
    const [experts, average] = [64, 2];
    const { loss } = block(experts, seed);
    const { choice, loss: mixed, status } = await solve(program(experts, average, seed));
    assert.equal(status, 'optimal');
    const uniform = Array.from({ length: experts }, (_, e) => loss(e, average)).reduce((sum, each) => sum + each, 0);
    assert.ok(mixed < 0.7 * uniform, `${mixed}, ${uniform}`);
    // What an expert costs at one width orders their bits.
    for (let a = 0; a < experts; a++)
      for (let b = 0; b < experts; b++) if (loss(a, 2) > loss(b, 2)) assert.ok(choice[a] >= choice[b], `${a}, ${b}`);
  }
});
