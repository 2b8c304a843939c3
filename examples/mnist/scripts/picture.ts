// The picture of the README: the first two plots of the demo's report, as Chromium shows them.
// `demo --backend wasm` makes the report first.
import { fileURLToPath } from 'node:url';
import { findChromium, startChromium } from '../../../tests/support/chromium.js';

const REPORT = new URL('../output/report.html', import.meta.url);
const PICTURE = fileURLToPath(new URL('../../../docs/images/report.png', import.meta.url));
const MARGIN = 12;

const path = findChromium();
if (path === undefined) throw new Error('No Chromium on PATH. Set CHROMIUM_PATH to one.');
const browser = await startChromium(path);
const page = await browser.newPage({
  viewport: { width: 1000, height: 1400 },
  deviceScaleFactor: 1.5,
});
await page.goto(REPORT.href);
const figures = await page.locator('figure').all();
const [left, right] = await Promise.all(
  figures.slice(0, 2).map(async (figure) => figure.boundingBox()),
);
if (!left || !right) throw new Error('The report has no two plots.');
await page.screenshot({
  path: PICTURE,
  clip: {
    x: left.x - MARGIN,
    y: left.y - MARGIN,
    width: right.x + right.width - left.x + 2 * MARGIN,
    height: Math.max(left.height, right.height) + 2 * MARGIN,
  },
});
await browser.close();
