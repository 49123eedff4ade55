import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Installed, install, root, write } from './installed.ts';

let installed: Installed;

before(async () => {
  installed = await install();
});
after(() => installed?.remove());

const bytesBelow = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

test('the tarball takes at most 3 MB, an installation 40 MB, the demo model apart', (t) => {
  const { packed, folder } = installed;
  assert.deepEqual(packed.map(({ name }) => name).sort(), ['bitbudget', 'bitbudget-tiny']);
  const { size, files } = packed.find(({ name }) => name === 'bitbudget')!;
  const demo = bytesBelow(join(folder, 'node_modules/bitbudget-tiny'));
  const all = bytesBelow(join(folder, 'node_modules')) - demo;
  t.diagnostic(`${size} bytes packed, ${files.length} files; ${all} bytes installed, the demo model ${demo} more`);
  assert.ok(size <= 3e6, `${size} bytes packed`);
  assert.ok(all <= 40e6, `${all} bytes installed`);
});

test('the tarball holds what users need and nothing else', () => {
  const [own, model] = ['bitbudget', 'bitbudget-tiny'].map(
    (name) => installed.packed.find((each) => each.name === name)!,
  );
  const paths = own.files.map(({ path }) => path);
  const expected =
    /^(dist\/.+\.(js|d\.ts)|build\/kernels\.\w+\.wasm|build\/kernel-thread\.js|assets\/text\/\w+\.txt\.gz|assets\/tasks\/\w+\.jsonl|(README|CHANGELOG)\.md|LICENSE|package\.json)$/;
  assert.deepEqual(
    paths.filter((path) => !expected.test(path)),
    [],
  );
  for (const path of ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/node.d.ts', 'build/kernels.relaxed.wasm'])
    assert.ok(paths.includes(path), path);
  assert.deepEqual(model.files.map(({ path }) => path).sort(), [
    'LICENSE',
    'README.md',
    ...['config.json', 'generation_config.json', 'model.safetensors', 'package.json', 'tokenizer.json'],
    'tokenizer_config.json',
  ]);
});

test('bitbudget installs alone: no dependency runs a script, and none is the demo model', () => {
  const modules = join(installed.folder, 'node_modules');
  const manifests = globSync('**/package.json', { cwd: modules }).map((path) =>
    JSON.parse(readFileSync(join(modules, path), 'utf8')),
  );
  const scripted = manifests.filter(({ scripts = {} }) =>
    ['preinstall', 'install', 'postinstall'].some((name) => name in scripts),
  );
  assert.deepEqual(
    scripted.map(({ name }) => name),
    [],
  );
  const own = manifests.find(({ name }) => name === 'bitbudget');
  assert.ok(!('bitbudget-tiny' in own.dependencies) && !('prepare' in own.scripts) && manifests.length > 20);
});

test('installed, the main job makes a file that runs and has a report', async () => {
  const { run, folder } = installed;
  const quick = [
    '--rounding',
    'nearest',
    '--calibration-tokens',
    '1024',
    '--no-verify',
    '--quiet',
    '--palette',
    'Q3_K',
    'Q4_K',
    'Q6_K',
  ];
  const bin = 'node_modules/.bin/bitbudget';
  await run(bin, 'quantize', 'node_modules/bitbudget-tiny', '--target-bpw', '4.5', '-o', 'tiny.gguf', ...quick);
  const { size } = statSync(join(folder, 'tiny.gguf'));
  assert.ok(size > 4.6e6 && size <= (4.5 * 8_392_960) / 8, `${size} bytes`);
  const { stdout } = await run(bin, 'run', 'tiny.gguf', '-p', 'Once upon a time', '-n', '8', '--quiet');
  assert.ok(stdout.trim().length > 10, stdout);
  await run(bin, 'report', 'tiny.bitbudget.json', '--yes');
  assert.match(readFileSync(join(folder, 'tiny.report.html'), 'utf8'), /^<!doctype html>/);
});

test('the README’s example for Node runs as it stands there, on less text; the one for browsers is bundled', async () => {
  const { run, folder } = installed;
  const readme = readFileSync(join(folder, 'node_modules/bitbudget/README.md'), 'utf8');
  const [node, browser] = [...readme.matchAll(/^```js\n([\s\S]+?)^```$/gm)].map(([, code]) => code);
  const budget = 'budget: { bitsPerWeight: 4.5 },';
  assert.ok(node.includes(budget) && browser.includes("'bitbudget/browser'"));
  const texts = 'calibration: { tokens: 1024 }, evaluation: { tokens: 1024 }';
  const quick = `rounding: 'nearest', palette: ['Q3_K', 'Q4_K', 'Q6_K'], ${texts},`;
  write(folder, 'example.js', node.replace(budget, `${budget} ${quick}`));
  const { stdout } = await run(process.execPath, 'example.js');
  assert.match(stdout, /^4\d{6} bytes, KL 0\.\d{5} measured$/m);
  write(folder, 'browser.js', browser);
  const esbuild = join(root, 'node_modules/.bin/esbuild');
  await run(
    esbuild,
    'browser.js',
    '--bundle',
    '--format=esm',
    '--external:node:*',
    '--conditions=browser',
    '--outfile=bundle.js',
    '--log-level=error',
  );
  assert.ok(statSync(join(folder, 'bundle.js')).size > 1e5);
});

test('types compile under strict with both kinds of module resolution, declarations checked', async () => {
  const { folder, run } = installed;
  const use = (from: string) => `import { formats, solve, type BitPlan, type Problem } from 'bitbudget/parts';
    import { plan as planned, quantize, report, type Quantized } from '${from}';
    export const made: Promise<Quantized> = quantize('m', { output: 'o.gguf', budget: { bytes: 1e9 } });
    export const page: Promise<string> = made.then(({ record }) => report(record));
    export const bytes = planned('m').then(({ plans }) => plans.map((each) => each.prediction?.fileBytes));
    const problem: Problem = { groups: [], budgets: { bytes: 1 } };
    export const names: string[] = [...formats.keys()];
    export const plan: BitPlan = { version: 2, rounding: 'gptq', sites: {} };
    export const solved = solve(problem);\n`;
  write(folder, 'types/node.ts', use('bitbudget'));
  write(folder, 'types/browser.ts', use('bitbudget/browser'));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const lib = 'es2024,esnext.float16,esnext.disposable,dom,dom.iterable';
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const options = ['--strict', '--noEmit', '--target', 'es2024', '--lib', lib, '--module', module, ...types];
    await run(tsc, ...options, '--moduleResolution', resolution, 'types/node.ts', 'types/browser.ts').catch((error) =>
      assert.fail(`${resolution}: ${error.stdout}`),
    );
  }
});

/** A Node older than this project takes, on the PATH of the machine. */
function olderNode(): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return candidates.find((path) => {
    try {
      return Number(/^v(\d+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))![1]) < 24;
    } catch {
      return false;
    }
  });
}

const old = olderNode();

test('an older Node gets one line, from the command line and from the library', {
  skip: old === undefined && 'every node on the PATH is recent',
}, async () => {
  const { folder, run } = installed;
  const line = /bitbudget: Node \d+\.\d+\.\d+ is too old, expected 24 or newer; get it with `npm install node@24`/;
  const main = 'node_modules/bitbudget/dist/cli/main.js';
  const told = await run(old!, main, 'formats').catch((error) => error);
  assert.equal(told.code, 1);
  assert.match(told.stderr, line);
  assert.equal(told.stderr.trim().split('\n').length, 1, told.stderr);
  write(folder, 'imports.mjs', `await import('bitbudget').catch((error) => console.log(error.message));\n`);
  const { stdout } = await run(old!, 'imports.mjs');
  assert.match(stdout, line);
  assert.equal(stdout.trim().split('\n').length, 1, stdout);
});
