import assert from 'node:assert/strict';
import { test } from 'node:test';
import { balancedBlocks } from '../../src/measure/designs.ts';

test('every pair of units stands together equally often, every unit in as many blocks', () => {
  let designs = 0;
  for (const units of [4, 7, 10, 11, 13, 20, 31])
    for (const size of [2, 4, 6]) {
      const { blocks, pairs, each } = balancedBlocks(units, size);
      for (let i = 0; i < units; i++) {
        assert.equal(blocks.filter((block) => block.includes(i)).length, each);
        for (let j = 0; j < i; j++)
          assert.equal(
            blocks.filter((block) => block.includes(i) && block.includes(j)).length,
            pairs,
            `${units} ${size}`,
          );
      }
      assert.ok(blocks.every((block) => new Set(block).size === block.length));
      designs++;
    }
  assert.equal(designs, 21);
});

test('eleven units in blocks of five: 22 blocks, pairs together four times', () => {
  const { blocks, pairs } = balancedBlocks(11, 5);
  assert.equal(blocks.length, 22);
  assert.equal(pairs, 4);
  assert.ok(blocks.every((block) => block.length === 5));
});
