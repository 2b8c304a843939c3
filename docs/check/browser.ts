// Looks at pages of the built site in Chromium: light, dark and narrow. Fails on what it finds.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { serve } from 'vitepress';
import { findChromium, startChromium } from '../../tests/support/chromium.js';
import { guidesSidebar } from '../.vitepress/pages.js';
import { findings } from './findings.js';

const PORT = 4176;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const VIEWS: Readonly<Record<string, BrowserContextOptions>> = {
  light: { colorScheme: 'light', viewport: { width: 1440, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1440, height: 900 } },
  narrow: { colorScheme: 'light', viewport: { width: 400, height: 800 } },
};

/** One of each kind. */
const PAGES = [
  '',
  'architecture.html',
  'evidence.html',
  'playground.html',
  'packages/core.html',
  'reference/',
  'reference/core/main/',
  'reference/core/main/SWA.html',
];

/** All pages written by hand. */
const GUIDES = guidesSidebar()
  .flatMap(({ items = [] }) => items)
  .map(({ link = '' }) => link.replace(/^\/(.+)\.md$/, '$1.html'));

const path = findChromium();
if (path === undefined) throw new Error('No Chromium on PATH. Set CHROMIUM_PATH to one.');
const { server } = await serve({ root: ROOT, port: PORT });
const browser = await startChromium(path);
for (const [view, options] of Object.entries(VIEWS)) {
  const context = await browser.newContext(options);
  const look = async (name: string, prepare?: (page: Page) => Promise<void>): Promise<void> => {
    const page = await context.newPage();
    for (const finding of await findings(page, `http://localhost:${PORT}/${name}`, prepare)) {
      console.error(`/${name} (${view}): ${finding}`);
      process.exitCode = 1;
    }
    await page.close();
  };
  const pages = view === 'narrow' ? [...PAGES, ...GUIDES] : PAGES;
  for (const name of new Set(pages)) await look(name);
  await look('architecture.html', searchFor('bnUpdate'));
  await context.close();
}
await browser.close();
server?.close();

function searchFor(words: string): (page: Page) => Promise<void> {
  return async (page) => {
    await page.keyboard.press('Control+k');
    await page.fill('#localsearch-input', words);
    await page.waitForSelector('#localsearch-list a');
  };
}
