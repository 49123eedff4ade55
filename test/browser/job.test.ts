import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { launchProfile, noChromium } from '../../bench/browser/chromium.ts';
import { quantize } from '../../src/node.ts';
import { temporaryFolder } from '../pipeline/support.ts';
import { tinyPath } from '../support/synthetic.ts';
import { serveSite } from './site.ts';

/** On few tokens and formats, with budgets that only the solver in WebAssembly takes together. */
const REQUEST = {
  budget: { bitsPerWeight: 5.5, moved: 7e6 },
  rounding: 'nearest',
  palette: ['Q4_0', 'Q8_0'],
  calibration: { tokens: 512 },
  evaluation: { tokens: 512 },
} as const;

/** What the example's worker has told. */
interface Told {
  readonly stages: Readonly<Record<string, number>>;
  readonly fileBytes?: number;
  readonly kl?: number;
  readonly sha256?: string;
  readonly text: string;
  readonly error?: string;
}

/** Starts the example's worker in a page, which notes what it tells. */
async function start(page: Page, url: string, threads: number): Promise<void> {
  await page.goto(url);
  const request = { ...REQUEST, threads };
  await page.evaluate(
    `{
      const told = { stages: {}, text: '' };
      const worker = new Worker('/worker.js', { type: 'module' });
      worker.onerror = ({ message }) => { told.error = message };
      worker.onmessage = async ({ data }) => {
        if (data.stage) told.stages[data.stage] = (told.stages[data.stage] ?? 0) + 1;
        if (data.text) told.text += data.text;
        if (data.error) told.error = data.error;
        if (!data.file) return;
        const digest = await crypto.subtle.digest('SHA-256', await data.file.arrayBuffer());
        Object.assign(told, { fileBytes: data.fileBytes, kl: data.kl, sha256: new Uint8Array(digest).toHex() });
      };
      worker.postMessage({ assets: '/bitbudget/', model: '/tiny/', request: ${JSON.stringify(request)} });
      Object.assign(globalThis, { told, worker });
    }`,
  );
}

const tellings = async (page: Page): Promise<Told> => (await page.evaluate('told')) as Told;

/** Waits until what was told is so; an error of the worker ends it. */
async function until(page: Page, condition: string): Promise<Told> {
  await page.waitForFunction(`told.error !== undefined || (${condition})`, undefined, {
    timeout: 300_000,
    polling: 100,
  });
  return await tellings(page);
}

test('the main job in a browser’s worker: the bytes of Node, isolated or not; what a closed tab or a stop left is gone on from', async (t) => {
  const missing = noChromium();
  if (missing !== undefined) return t.skip(missing);
  const folder = await temporaryFolder(t);
  const output = join(folder, 'node.gguf');
  const made = await quantize(tinyPath, { ...REQUEST, output, workDir: join(folder, 'work') });
  const sha256 = createHash('sha256')
    .update(await readFile(output))
    .digest('hex');

  const [plain, isolated] = [await serveSite(false), await serveSite(true)];
  t.after(() => {
    for (const site of [plain, isolated]) site.close();
  });
  for (const [site, threads] of [
    [isolated, 2],
    [plain, 1],
  ] as const) {
    const context = await launchProfile(join(folder, `profile-${threads}`));
    try {
      const page = await context.newPage();
      if (threads === 2) {
        // The tab is closed in the midst of pricing; then it is stopped; then it goes on.
        await start(page, site.url, threads);
        const begun = await until(page, 'told.stages.pricing > 2');
        assert.equal(begun.error, undefined);
        await page.close();
      }
      const again = await context.newPage();
      await start(again, site.url, threads);
      if (threads === 2) {
        await until(again, 'told.stages.pricing > 0 || told.stages.quantizing > 0');
        await again.evaluate("worker.postMessage('stop')");
        assert.match((await until(again, 'false')).error!, /abort/i);
        await start(again, site.url, threads);
      }
      const told = await until(again, 'told.text.length > 10');
      assert.equal(told.error, undefined);
      assert.equal(told.fileBytes, made.fileBytes);
      assert.equal(told.kl, made.evaluation!.kl.mean);
      assert.equal(told.sha256, sha256);
      // What was measured before the tab was closed is not measured again.
      assert.equal(told.stages.measuring === undefined, threads === 2, JSON.stringify(told.stages));
      for (const stage of ['pricing', 'quantizing', 'verifying', 'writing'])
        assert.ok(threads === 2 || told.stages[stage] > 0, `${stage}: ${JSON.stringify(told.stages)}`);
    } finally {
      await context.close();
    }
  }
});
