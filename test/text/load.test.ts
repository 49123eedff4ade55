import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BitbudgetError, FormatError } from '../../src/core/errors.ts';
import { assetPath, calibrationText, evaluationText } from '../../src/text/assets.node.ts';
import { loadText } from '../../src/text/load.node.ts';
import { loadBlobs } from '../../src/text/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'bitbudget-text-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, bytes: string | Uint8Array): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

test('plain and gzipped files are joined, and the hash is that of the joined text', async () => {
  const paths = [file('a.txt', 'été\n'), file('b.any', gzipSync('🦙 two'))];
  const loaded = await loadText(paths);
  assert.equal(loaded.text, 'été\n🦙 two');
  assert.equal(loaded.hash, createHash('sha256').update('été\n🦙 two').digest('hex'));
  const blobs = paths.map((path) => new Blob([readFileSync(path)]));
  assert.deepEqual(await loadBlobs(blobs), loaded);
});

test('absent, binary and damaged files are told in one line', async () => {
  await assert.rejects(loadText([join(folder, 'absent.txt')]), BitbudgetError);
  await assert.rejects(loadText([file('binary', Uint8Array.of(0xff, 0xfe, 0x00))]), /binary: not UTF-8/);
  const cut = gzipSync('a longer text that is cut').subarray(0, 20);
  await assert.rejects(loadText([file('cut.gz', cut)]), /cut.gz: damaged gzip/);
  await assert.rejects(loadBlobs([new Blob([cut])]), FormatError);
});

test('the shipped texts load, and share no paragraph', async () => {
  const calibration = await loadText([assetPath(calibrationText)]);
  const evaluation = await loadText([assetPath(evaluationText)]);
  assert.ok(calibration.text.length > 1_200_000 && evaluation.text.length > 490_000);
  const paragraphs = new Set(calibration.text.split('\n\n').filter((paragraph) => paragraph.length > 80));
  const long = evaluation.text.split('\n\n').filter((paragraph) => paragraph.length > 80);
  assert.ok(paragraphs.size > 2000 && long.length > 1000);
  assert.deepEqual(
    long.filter((paragraph) => paragraphs.has(paragraph)),
    [],
  );
});
