/**
 * Bundles the browser's example with Vite and with webpack, as their users would, and runs the main job in Chromium: the files that the
 * package fetches must be found without a word. Installs both bundlers into a temporary folder, so it needs a network.
 *
 *     npm run bench -- bundlers
 */
import { execFile } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { launchChromium } from './browser/chromium.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const run = promisify(execFile);
const VERSIONS = ['vite@8.4.0', 'webpack@5.113.0', 'webpack-cli@7.3.1'];

const BUNDLERS = {
  vite: { config: `export default { worker: { format: 'es' } };`, command: ['vite', 'build'], out: 'dist' },
  webpack: {
    config: `export default {
      mode: 'production',
      entry: './page.js',
      externals: [({ request }, done) => (/^node:/.test(request) ? done(null, 'module ' + request) : done())],
      experiments: { outputModule: true },
      output: { module: true, filename: 'page.js', path: import.meta.dirname + '/packed', publicPath: '/' },
    };`,
    command: ['webpack'],
    out: 'packed',
  },
} as const;

const REQUEST = `{ budget: { bitsPerWeight: 5.5 }, rounding: 'nearest', palette: ['Q4_0', 'Q8_0'],
  calibration: { tokens: 512 }, evaluation: { tokens: 512 } }`;

/** The example, its worker named as bundlers want it, and without a word of where files are. */
function writeExample(folder: string): void {
  const example = (name: string): string => readFileSync(join(root, 'examples/browser', name), 'utf8');
  const page = example('page.js')
    .replace("new Worker('worker.js'", "new Worker(new URL('./worker.js', import.meta.url)")
    .replace('{ budget: { bitsPerWeight: 4.5 } }', REQUEST)
    .replace("model: '/model/'", "model: '/tiny/'");
  writeFileSync(join(folder, 'page.js'), page);
  writeFileSync(join(folder, 'worker.js'), example('worker.js').replace(/^ *locateAssets\(.*\n/m, ''));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><body><script type="module" src="/page.js"></script>');
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.html': 'text/html',
  '.wasm': 'application/wasm',
};

/** Serves what was built, the example's page where none was, and the demo model. */
async function serve(folder: string, page: string): Promise<{ url: string; close(): void }> {
  const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  const server = createServer(({ url = '/' }, response) => {
    const name = url === '/' ? '/index.html' : url;
    const wanted = name.startsWith('/tiny/') ? join(root, 'assets', name) : join(folder, name);
    const file = existsSync(wanted) ? wanted : '';
    if (file === '' && name !== '/index.html') return void response.writeHead(404, headers).end();
    response.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream' });
    if (file === '') response.end(page);
    else createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

const folder = mkdtempSync(join(tmpdir(), 'bitbudget-bundlers-'));
try {
  writeExample(folder);
  await run('npm', ['run', 'build'], { cwd: root, maxBuffer: 2 ** 26 });
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...VERSIONS], { cwd: folder });
  symlinkSync(root, join(folder, 'node_modules/bitbudget'));
  for (const [name, { config, command, out }] of Object.entries(BUNDLERS)) {
    writeFileSync(join(folder, `${name}.config.js`), config);
    await run(join(folder, 'node_modules/.bin', command[0]), command.slice(1), { cwd: folder, maxBuffer: 2 ** 26 });
    const site = await serve(join(folder, out), readFileSync(join(folder, 'index.html'), 'utf8'));
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(`${name}: ${error.message}`));
      await page.goto(site.url);
      await page.waitForFunction('document.body.innerText.length > 60', undefined, { timeout: 150_000, polling: 500 });
      console.log(`${name}: ${await page.evaluate('document.body.innerText')}`);
    } finally {
      await browser.close();
      site.close();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
