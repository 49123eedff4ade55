import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { packageVersion } from '../src/core/version.ts';

/*
 * The direction of imports: lower rooms know nothing of higher ones. What a room may import stands here once, and a new
 * file falls under it by its folder.
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Rooms and single files that a room's files may import; `type:` allows types alone. Every room may import itself.
 * `kernels/contract` is the devices' interface: rooms that compute know it, and not which device they get.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  store: ['core'],
  numeric: ['core'],
  container: ['core', 'numeric'],
  kernels: ['core', 'numeric'],
  text: ['core', 'type:container'],
  // Networks are lowered to calls, which are data; devices stay unknown.
  graph: ['core', 'kernels/program'],
  objective: ['core', 'graph', 'type:kernels/contract'],
  model: ['core', 'numeric', 'text', 'graph', 'type:container'],
  run: ['core', 'numeric', 'text', 'graph', 'model', 'kernels/program', 'type:kernels/contract', 'type:kernels/device'],
  measure: [
    'core',
    'numeric',
    'text',
    'graph',
    'objective',
    'model',
    'run',
    'kernels/program',
    'type:kernels/contract',
    'type:kernels/device',
    'type:store',
  ],
  evaluate: [
    'core',
    'numeric',
    'text',
    'graph',
    'model',
    'run',
    'type:objective',
    'type:kernels/contract',
    'type:kernels/device',
  ],
  allocate: ['core'],
  // Prices of candidates come from `measure`'s factors, and the rounding to be priced is `quantize`'s own.
  quantize: ['core', 'numeric', 'graph', 'model', 'measure', 'type:allocate', 'type:kernels/contract'],
  report: ['core'],
  library: [
    'core',
    'report',
    'pipeline',
    'measure/metrics',
    'run',
    'text',
    'type:allocate',
    'type:evaluate',
    'type:model',
    'type:quantize',
    'evaluate/tasks/read',
  ],
  pipeline: [
    'core',
    'numeric',
    'container',
    'kernels',
    'text',
    'graph',
    'model',
    'run',
    'measure',
    'evaluate',
    'allocate',
    'quantize',
    'store',
    'type:report',
  ],
};

/** Files that join two rooms on purpose, with what they may import beyond their room's rule. */
const JOINTS: Readonly<Record<string, readonly string[]>> = {
  'model/locate.node.ts': ['container'],
  'model/open.node.ts': ['container'],
  'model/open.ts': ['container'],
  'model/open-parts.ts': ['container/identify'],
  'model/write-gguf.ts': ['container/gguf/write'],
  'evaluate/kl-base.ts': ['container/kl-base', 'type:container'],
  // What is priced is what the kernels round.
  // Workers are processes of their own and must get themselves a device.
  'quantize/worker.node.ts': ['kernels'],
};

/** Rooms and files that may import everything, and that nobody else imports. */
const TOPS = ['cli', 'node.ts', 'browser.ts', 'parts.ts', 'parts.node.ts'];

/** Packages that run in browsers too; all others belong into Node-only files. */
const BROWSER_PACKAGES = [
  '@bufbuild/protobuf',
  '@huggingface/jinja',
  '@huggingface/tokenizers',
  '@observablehq/plot',
  'linkedom',
  'hyparquet',
  'hyparquet-writer',
  'highs',
  'sentencepiece-buf/model',
];

interface Import {
  /** Importing file below `src/`. */
  readonly from: string;
  /** Imported file below `src/`, or a package's specifier. */
  readonly to: string;
  readonly isFile: boolean;
  readonly typeOnly: boolean;
}

const files = globSync('**/*.ts', { cwd: join(root, 'src') })
  .map((file) => file.replaceAll('\\', '/'))
  .sort();
const imports = files.flatMap(readImports);

function readImports(from: string): Import[] {
  const source = readFileSync(join(root, 'src', from), 'utf8');
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    const isFile = specifier.startsWith('.');
    found.push({ from, to: isFile ? posix.join(posix.dirname(from), specifier) : specifier, isFile, typeOnly });
  };
  for (const [, type, specifier] of source.matchAll(/^(?:import|export)( type)?\b[^;'"]*?from '([^']+)'/gm))
    add(specifier, type !== undefined);
  for (const [, specifier] of source.matchAll(/^import '([^']+)'/gm)) add(specifier, false);
  for (const [, type, specifier] of source.matchAll(/(typeof )?\bimport\('([^']+)'\)/g))
    add(specifier, type !== undefined);
  return found;
}

function roomOf(file: string): string {
  return file.split('/')[0];
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const room = roomOf(from);
  if (room === roomOf(to) || TOPS.includes(room)) return true;
  return [...ALLOWED[room], ...(JOINTS[from] ?? [])].some((rule) => {
    const target = rule.replace('type:', '');
    return (typeOnly || !rule.startsWith('type:')) && (to.startsWith(`${target}/`) || to === `${target}.ts`);
  });
}

/** Node-only by name: `x.node.ts`, `node.ts`, a `node/` folder, and the command line. */
function isNodeOnly(file: string): boolean {
  return /(^|[./])node\.ts$|\/node\//.test(file) || roomOf(file) === 'cli';
}

test('imports follow the rooms', () => {
  const wrong = imports
    .filter((entry) => entry.isFile && !isAllowed(entry))
    .map(({ from, to }) => `${from} imports ${to}`);
  assert.deepEqual(wrong, []);
  assert.ok(imports.length > 300, `${imports.length} imports`);
});

test('every folder of src is a room with a rule', () => {
  const rooms = new Set(files.map(roomOf));
  assert.deepEqual(
    [...rooms].filter((room) => !(room in ALLOWED) && !TOPS.includes(room)),
    [],
  );
  assert.ok(rooms.size >= 14, `${rooms.size} rooms`);
});

test('no architecture is named outside its file', () => {
  const own = 'model/architectures/';
  const names = files
    .filter((file) => file.startsWith(own))
    .flatMap((file) => [...readFileSync(join(root, 'src', file), 'utf8').matchAll(/^ {2}name: '([^']+)',$/gm)])
    .map(([, name]) => name);
  assert.ok(names.length >= 5, names.join(', '));
  // Vocabularies and pre-tokenizers bear names of models.
  const others = files.filter((file) => !file.startsWith(own) && !file.startsWith('text/'));
  const naming = others.flatMap((file) => {
    const source = readFileSync(join(root, 'src', file), 'utf8');
    return names.filter((name) => source.includes(`'${name}'`)).map((name) => `${file} names ${name}`);
  });
  assert.deepEqual(naming, []);
});

test('joints are files, and need what they are allowed', () => {
  for (const [file, rules] of Object.entries(JOINTS)) {
    const targets = imports.filter(({ from }) => from === file).map(({ to }) => to);
    for (const rule of rules)
      assert.ok(
        targets.some((to) => to.startsWith(rule.replace('type:', ''))),
        `${file}: ${rule} is not needed`,
      );
  }
});

test('imported files exist', () => {
  const missing = imports
    .filter(({ to, isFile }) => isFile && !files.includes(to))
    .map(({ from, to }) => `${from} imports ${to}`);
  assert.deepEqual(missing, []);
});

test('files import each other in no circle, types included', () => {
  const circles = circlesOf(new Map(files.map((file) => [file, imports.filter(({ from }) => from === file)])));
  assert.deepEqual(circles, []);
});

/** Groups of files that reach each other (strongly connected components by Tarjan), of two files or more. */
function circlesOf(graph: ReadonlyMap<string, readonly Import[]>): string[][] {
  const [order, lowest, open, circles] = [
    new Map<string, number>(),
    new Map<string, number>(),
    [] as string[],
    [] as string[][],
  ];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    open.push(file);
    for (const { to } of graph.get(file) ?? []) {
      if (!graph.has(to)) continue;
      if (!order.has(to)) visit(to);
      if (open.includes(to)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(to)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = open.splice(open.indexOf(file));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return circles;
}

test('circles of imports are found, of two files and of three, and a chain is none', () => {
  const graph = (edges: Record<string, string[]>) =>
    new Map(
      Object.entries(edges).map(([from, targets]) => [
        from,
        targets.map((to): Import => ({ from, to, isFile: true, typeOnly: true })),
      ]),
    );
  assert.deepEqual(circlesOf(graph({ a: ['b'], b: ['c'], c: [] })), []);
  assert.deepEqual(circlesOf(graph({ a: ['b'], b: ['a', 'c'], c: ['d'], d: ['e'], e: ['c'] })), [
    ['c', 'd', 'e'],
    ['a', 'b'],
  ]);
});

test('what browsers load needs nothing of Node', () => {
  const browserSafe = imports.filter(({ from, typeOnly }) => !isNodeOnly(from) && !typeOnly);
  const wrong = browserSafe.filter(({ to, isFile }) => (isFile ? isNodeOnly(to) : !BROWSER_PACKAGES.includes(to)));
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
  assert.ok(browserSafe.length > 150, `${browserSafe.length} imports`);
});

test('modules that came after Node 20 are not imported statically, so that older versions get one clear line', () => {
  const late = imports.filter(({ to, typeOnly }) => !typeOnly && /^node:(sqlite|sea)$/.test(to));
  assert.deepEqual(
    late.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test('the version that files carry is package.json’s', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  assert.equal(packageVersion, version);
});

test('the order of steps needs nothing of Node: what does is the host', () => {
  const own = files.filter((file) => file.startsWith('pipeline/') && isNodeOnly(file));
  assert.deepEqual(own, [
    'pipeline/host/node.ts',
    'pipeline/identify.node.ts',
    'pipeline/preflight/outputs.node.ts',
    'pipeline/preflight/room.node.ts',
    'pipeline/truth/rank-model.node.ts',
    'pipeline/truth/stored.node.ts',
  ]);
});

test('docs/dependencies.md tells of every dependency, and of no other', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const text = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
  const section = (title: string) => text.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
  const listed = (title: string) => [
    ...section(title).matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm),
  ];
  for (const [field, title] of [
    ['dependencies', 'Dependencies'],
    ['devDependencies', 'Development'],
  ]) {
    const rows = listed(title);
    assert.deepEqual(rows.map(([, name]) => name).sort(), Object.keys(manifest[field] ?? {}).sort(), title);
    for (const [, name, ...cells] of rows)
      assert.ok(
        cells.every((cell) => cell.trim().length > 2),
        `${name}: an empty cell`,
      );
  }
});
