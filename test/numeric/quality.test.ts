import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeRows, encodeRows, formats } from '../../src/numeric/table.ts';
import { type Sample, studentSample, tinySamples, weightedError } from './samples.ts';

interface ReferenceErrors {
  samples: Record<string, Record<string, number>>;
}

const reference: ReferenceErrors = JSON.parse(readFileSync(new URL('llamacpp-errors.json', import.meta.url), 'utf8'));

function ratios(sample: Sample): Map<string, number> {
  const found = new Map<string, number>();
  for (const [name, theirs] of Object.entries(reference.samples[sample.name])) {
    const format = formats.get(name)!;
    const bytes = encodeRows(format, sample.values, sample.columns, sample.importance);
    const ours = weightedError(decodeRows(format, bytes, sample.columns), sample.values, sample.importance);
    found.set(name, ours / theirs);
  }
  return found;
}

test('heavy-tailed rows: weighted error of every format below 0.97 of llama.cpp’s', () => {
  const found = ratios(studentSample());
  assert.equal(found.size, 25);
  for (const [name, ratio] of found) assert.ok(ratio < 0.97, `${name} ${ratio}`);
});

const tiny = tinySamples();

test('model rows: weighted error at most llama.cpp’s, and on average below 0.99 of it', () => {
  const mean = new Map<string, number>();
  for (const sample of tiny) {
    for (const [name, ratio] of ratios(sample)) {
      assert.ok(ratio <= 1, `${sample.name} in ${name}: ${ratio}`);
      mean.set(name, (mean.get(name) ?? 0) + ratio / tiny.length);
    }
  }
  assert.equal(mean.size, 25);
  for (const [name, ratio] of mean) assert.ok(ratio < 0.99, `${name} ${ratio}`);
});

test('importance moves the error to where it matters least', () => {
  const { values, columns, importance } = studentSample();
  let checked = 0;
  for (const format of formats.values()) {
    if ((format.grid ?? format.points) === undefined) continue;
    const error = (weights?: Float32Array) =>
      weightedError(decodeRows(format, encodeRows(format, values, columns, weights), columns), values, importance);
    assert.ok(error(importance) < error(), format.name);
    checked++;
  }
  assert.ok(checked >= 25, `${checked} formats`);
});
