import type { Contender, Runtime } from '../speed/types.ts';
import { launchChromium, noChromium } from './chromium.ts';
import { serveBench } from './server.ts';
import type { PageBench } from './types.ts';

export interface BrowserBench {
  readonly version: string;
  start(kind: 'ours' | 'wllama', threads: number): Promise<Contender & Runtime>;
  close(): Promise<void>;
}

/** A headless, cross-origin isolated page that contenders run in; a reason when there is no browser. */
export async function openBrowser(modelPath: string): Promise<BrowserBench | string> {
  const missing = noChromium();
  if (missing !== undefined) return missing;
  const server = await serveBench(modelPath);
  const browser = await launchChromium();
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
