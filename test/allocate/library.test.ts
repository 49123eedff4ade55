import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { check } from '../../src/allocate/check.ts';
import { costRanges, obstacle } from '../../src/allocate/problem.ts';
import { solve } from '../../src/allocate/solve.ts';
import { solvers } from '../../src/allocate/solvers/table.ts';
import { library } from './library.ts';

test('every instance of the library is the same every time, can be met, and has a name of its own', () => {
  assert.equal(new Set(library.map(({ name }) => name)).size, library.length);
  const cheap = library.filter(({ name }) => !name.includes('100000'));
  for (const { name, build } of cheap) {
    const problem = build();
    assert.deepEqual(build(), problem, name);
    assert.equal(obstacle(problem, costRanges(problem)), undefined, name);
  }
  assert.ok(cheap.length >= 20, `${cheap.length} instances`);
});

test('real prices of the embedded model: every objective, budget and coupling is solved to optimality', async () => {
  const real = library.filter(({ name }) => name.startsWith('tiny'));
  for (const { name, build } of real) {
    const problem = build();
    const solution = await solve(problem);
    assert.equal(solution.status, 'optimal', name);
    assert.deepEqual(check(problem, solution), [], name);
  }
  assert.equal(real.length, 6);
});

test('docs/allocate.md tells of every solver, in the order of the table', () => {
  const text = readFileSync(new URL('../../docs/allocate.md', import.meta.url), 'utf8');
  const told = [...text.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(told, [...solvers.keys()]);
});
