import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '../pipeline/support.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const hooks = new URL('../support/package-from-source.ts', import.meta.url).href;
const run = promisify(execFile);

/** What each example prints, in an order in which they find what they read. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  'quantize.js': /^4\d{6} bytes, KL 0\.0\d{4}\n$/,
  'plan.js': /^(\d+\.\d\d MB {2}KL \d[\d.e-]+\n){10,}$/,
  'report.js': /\| file \||\bbits per weight\b/i,
  'evaluate.js': /^KL 0\.0\d{4} ± 0\.\d{5}\nsame likeliest token: 9\d\.\d %\n$/,
  'run.js': /^\s?\w+( \S+){8,}\s*$/,
  'chat.js': /\w[\s\S]{30,}\n$/,
};

test('every example runs as it stands and prints what it says', async (t) => {
  const folder = await temporaryFolder(t);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const env = { ...process.env, BITBUDGET_CACHE: join(folder, 'cache') };
  assert.deepEqual(Object.keys(PRINTS).sort(), globSync('*.js', { cwd: join(root, 'examples') }).sort());
  for (const [name, expected] of Object.entries(PRINTS)) {
    const program = join(root, 'examples', name);
    const { stdout } = await run(process.execPath, ['--import', hooks, program], { cwd: folder, env });
    assert.match(stdout, expected, name);
  }
});

test('an example has at most 20 lines of at most 100 columns, and imports packages alone', () => {
  const files = globSync('**/*.js', { cwd: join(root, 'examples') });
  assert.ok(files.length >= 8, files.join(', '));
  for (const file of files) {
    const lines = readFileSync(join(root, 'examples', file), 'utf8').split('\n');
    const code = lines.filter((line) => line.trim() !== '' && !line.startsWith('//'));
    assert.ok(code.length <= 20, `${file}: ${code.length} lines`);
    assert.ok(Math.max(...lines.map((line) => line.length)) <= 100, `${file}: a line is too long`);
    for (const line of code) assert.doesNotMatch(line, /from '[./]/, file);
  }
});
