import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

/** Debian's Chromium, or the one that CHROMIUM names. */
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const args = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

/** Why there is no browser; undefined where there is one. */
export function noChromium(): string | undefined {
  return existsSync(executablePath) ? undefined : `${executablePath} is not there; install chromium or set CHROMIUM`;
}

/** A headless Chromium that forgets all when it is closed. */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({ executablePath, args });
}

/** The same with a profile, which outlives it. */
export async function launchProfile(folder: string): Promise<BrowserContext> {
  return await chromium.launchPersistentContext(folder, { executablePath, args });
}
