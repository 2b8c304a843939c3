// A picture of a part of a report, as Chromium shows it.
import { fileURLToPath } from 'node:url';
import { findChromium, startChromium } from '../../../tests/support/chromium.js';

/**
 * Takes the picture.
 *
 * @param report - the HTML file
 * @param picture - the PNG file to write
 * @param hidden - a CSS selector: what is left out
 * @throws Error if there is no Chromium, or no such report
 */
export async function takePicture(report: URL, picture: URL, hidden: string): Promise<void> {
  const path = findChromium();
  if (path === undefined) throw new Error('No Chromium on PATH. Set CHROMIUM_PATH to one.');
  const browser = await startChromium(path);
  try {
    const page = await browser.newPage({
      viewport: { width: 1000, height: 1400 },
      deviceScaleFactor: 1.5,
    });
    await page.goto(report.href);
    await page.addStyleTag({ content: `main { padding: 12px; } ${hidden} { display: none; }` });
    await page.locator('main').screenshot({ path: fileURLToPath(picture) });
  } finally {
    await browser.close();
  }
}
