import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ops } from '../../src/graph/ops/index.ts';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/graph.md', root), 'utf8');
const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => ({ language, body }));

test('the example that docs/graph.md begins with runs and prints what it says', () => {
  const [example, printed] = blocks;
  assert.deepEqual([example.language, printed.language], ['ts', '']);
  const folder = mkdtempSync(join(tmpdir(), 'graph-guide-'));
  try {
    const file = join(folder, 'layer.ts');
    writeFileSync(file, example.body.replaceAll("'./src/", `'${root.href}src/`));
    const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    assert.equal(stdout, printed.body, stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('docs/graph.md shows an op as it is, and every primitive', () => {
  const shown = blocks.at(-1)!.body;
  assert.ok(readFileSync(new URL('src/graph/ops/experts.ts', root), 'utf8').includes(shown));
  const table = text.slice(text.indexOf('| primitive |'), text.indexOf('`expand(graph, sizes)`'));
  const named = table.split('\n').flatMap((line) => [...(line.split('|')[1]?.matchAll(/`(\w+)`/g) ?? [])]);
  const primitives = ops.filter(({ primitive }) => primitive).map(({ name }) => name);
  assert.deepEqual(named.map(([, name]) => name).sort(), primitives.sort());
});
