import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  apiDocument,
  docParts,
  documented,
  documentPath,
  exportsOf,
  parametersOf,
  parts,
  partsOf,
} from '../../scripts/api-document.ts';

test('docs/api.md tells what the package exports, as it is: node scripts/api-document.ts makes it', () => {
  const isSame = apiDocument() === readFileSync(documentPath, 'utf8');
  assert.ok(isSame, 'docs/api.md: the public surface is another; look at it, and run node scripts/api-document.ts');
});

test('every function of the library says what it takes, gives and throws; every part says what it is', () => {
  let functions = 0;
  const lacks: string[] = [];
  for (const each of documented.flatMap(exportsOf)) {
    const { text, params, returns, throws } = docParts(each.doc);
    if (text === '') lacks.push(`${each.name}: no docstring`);
    if (each.kind !== 'function') continue;
    functions++;
    const named = parametersOf(each);
    if ([...params.keys()].length !== named.length || named.some((name) => name !== undefined && !params.has(name)))
      lacks.push(`${each.name}: takes ${named.join(', ')}, tells of ${[...params.keys()].join(', ')}`);
    const gives = !/\): (Promise<)?void>?$/.test(each.declaration);
    if (gives && returns === undefined) lacks.push(`${each.name}: returns`);
    if (throws === undefined && gives) lacks.push(`${each.name}: throws`);
  }
  for (const { name, doc } of partsOf()) if (docParts(doc).text === '') lacks.push(`part ${name}: no docstring`);
  assert.deepEqual(lacks, []);
  assert.ok(functions >= 20, `${functions} functions`);
});

test('both entries have the same names, beside what only one of them can do', async () => {
  const [node, browser] = documented.map((file) => exportsOf(file).map(({ name }) => name));
  assert.deepEqual(
    node.filter((name) => !browser.includes(name)),
    [],
  );
  assert.deepEqual(
    browser.filter((name) => !node.includes(name)),
    ['locateAssets', 'writtenFile'],
  );
});

test('what the document reads is what modules export', async () => {
  const values = (file: string) =>
    exportsOf(file)
      .filter(({ kind }) => kind !== 'interface' && kind !== 'type')
      .map(({ name }) => name);
  for (const file of [...documented, parts]) {
    const module = (await import(`../../${file}`)) as object;
    assert.deepEqual(values(file), Object.keys(module).sort(), file);
  }
});
