import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formats } from '../../src/numeric/table.ts';
import { needsShared, shared } from '../support/shared.ts';

test('decode equals ggml bit for bit', needsShared('golden/ggml'), () => {
  let checked = 0;
  for (const format of formats.values()) {
    const file = shared(`golden/ggml/${format.name}.bytes`);
    if (file === undefined) continue;
    const bytes = new Uint8Array(readFileSync(file));
    const expected = new Uint32Array(new Uint8Array(readFileSync(shared(`golden/ggml/${format.name}.f32`)!)).buffer);
    const values = new Float32Array(expected.length);
    format.decodeBlocks(bytes, values);
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i++) {
      if (bits[i] !== expected[i]) assert.equal(bits[i], expected[i], `${format.name} value ${i}`);
    }
    checked++;
  }
  assert.ok(checked >= 14, `${checked} formats`);
});
