// The built page on a server of its own, in a headless Chromium.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium, startChromium } from '../../../tests/support/chromium.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The Chromium to run in; a message where there is none. */
export const executablePath: string | undefined = findChromium();
export const isRequired: boolean = process.env['POLYAK_REQUIRE_BROWSER'] === '1';
if (executablePath === undefined) {
  console.warn('Skipped: the live page: no Chromium at CHROMIUM_PATH or on PATH');
}

export interface Site {
  readonly url: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Builds a page of the playground, serves it and starts a browser. */
export async function openSite(html: string): Promise<Site> {
  const outDir = await mkdtemp(join(tmpdir(), 'polyak-playground-'));
  const logLevel = 'warn';
  await build({
    root,
    logLevel,
    build: { outDir, emptyOutDir: true, rolldownOptions: { input: join(root, html) } },
  });
  const server = await preview({ root, logLevel, build: { outDir }, preview: { port: 0 } });
  const browser = await startChromium(executablePath ?? '');
  return {
    url: new URL(html, server.resolvedUrls?.local[0]).href,
    browser,
    async close() {
      await browser.close();
      await server.close();
      await rm(outDir, { recursive: true });
    },
  };
}

/** What a page writes to its console as warnings and errors. */
export function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // webgl is read synchronously, which its driver remarks on.
    if (message.text().includes('GPU stall due to ReadPixels')) return;
    if (['warning', 'error'].includes(message.type())) complaints.push(message.text());
  });
  return complaints;
}
