import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import type { Contender, Runtime } from '../speed/types.ts';
import { serveBench } from './server.ts';
import type { PageBench } from './types.ts';

/** Debian's Chromium, or the one that CHROMIUM names. */
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

export interface BrowserBench {
  readonly version: string;
  start(kind: 'ours' | 'wllama', threads: number): Promise<Contender & Runtime>;
  close(): Promise<void>;
}

/** A headless, cross-origin isolated page that contenders run in; a reason when there is no browser. */
export async function openBrowser(modelPath: string): Promise<BrowserBench | string> {
  if (!existsSync(executablePath)) return `${executablePath} is not there; install chromium or set CHROMIUM`;
  const server = await serveBench(modelPath);
  const browser: Browser = await chromium.launch({ executablePath, args: flags });
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(`page: ${error.message}`));
  await page.goto(server.url);
  await page.waitForFunction('globalThis.bench !== undefined');
  const call = <T>(body: string, argument?: unknown) =>
    page.evaluate(`(${body})(${JSON.stringify(argument)})`) as Promise<T>;
  if (!(await call<PageBench['isolated']>('() => bench.isolated'))) throw new Error('bench page is not isolated');
  return {
    version: browser.version(),
    start: async (kind, threads) => {
      const options = [kind, '/model.gguf', threads];
      const index = await call<number>('(options) => bench.load(...options)', options);
      return {
        name: kind === 'ours' ? 'bitbudget, Chromium' : 'wllama, Chromium',
        measure: (...given) => call('(given) => bench.ask(...given)', [index, 'measure', ...given]),
        likeliest: (...given) => call('(given) => bench.ask(...given)', [index, 'likeliest', ...given]),
        latency: (...given) => call('(given) => bench.ask(...given)', [index, 'latency', ...given]),
        close: async () => {},
      };
    },
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}
