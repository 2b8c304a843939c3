// What is wrong with a page in a browser.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * Opens a page, and tells what axe finds, whether it is wider than the window, what it writes to
 * the console as an error, and what it loads from elsewhere.
 *
 * @param page - a new page
 * @param address - on the site
 * @param prepare - what to do before looking, such as opening the search
 */
export async function findings(
  page: Page,
  address: string,
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<readonly string[]> {
  const found: string[] = [];
  const { origin } = new URL(address);
  page.on('console', (message) => {
    if (message.type() === 'error') found.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => found.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) found.push(`loads ${request.url()}`);
  });
  await page.goto(address, { waitUntil: 'networkidle' });
  await prepare(page);
  const tooWide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  if (tooWide > 0) found.push(`${tooWide} px wider than the window`);
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(async () =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  for (const { id, nodes } of violations) {
    const [first] = nodes;
    found.push(`axe ${id}, ${nodes.length} times: ${first?.html}; ${first?.failureSummary}`);
  }
  return found;
}
