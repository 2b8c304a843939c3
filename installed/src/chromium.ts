// Bundles that run in Chromium.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';

/** Where a bundle runs. */
export type Place = 'page' | 'worker';

/** What runs, and where it reads its files. */
export interface Bundle {
  /** The folder of `bundle.js` and its chunks. */
  readonly folder: string;
  /** The folder of TensorFlow.js's `.wasm` files. */
  readonly wasm: string;
}

const WORKER = `import '/bundle.js';
globalThis.onmessage = async ({ data }) => {
  try {
    postMessage({ value: await polyak(data) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
postMessage({ ready: true });`;

const RUN: Readonly<Record<Place, string>> = {
  page: `import('/bundle.js').then(() => polyak(ARGUMENT))`,
  worker: `new Promise((resolve, reject) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.ready) worker.postMessage(ARGUMENT);
      else if (data.error) reject(new Error(data.error));
      else resolve(data.value);
    };
  })`,
};

/** Runs `polyak` of a bundle with one argument, and returns its number. */
export async function runBundle(
  browser: Browser,
  { folder, wasm }: Bundle,
  place: Place,
  argument: string,
): Promise<number> {
  const page = await browser.newPage();
  try {
    // No server behind it: WebGPU wants a secure context, which localhost is.
    await page.route('**', async (route) => {
      const { pathname } = new URL(route.request().url());
      if (pathname === '/') {
        return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>.</title>' });
      }
      if (pathname === '/worker.js') {
        return route.fulfill({ contentType: 'text/javascript', body: WORKER });
      }
      const path = pathname.startsWith('/wasm/')
        ? join(wasm, pathname.slice('/wasm/'.length))
        : join(folder, pathname);
      if (!existsSync(path)) return route.fulfill({ status: 404 });
      const contentType = path.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
      return route.fulfill({ contentType, body: await readFile(path) });
    });
    await page.goto('http://localhost/');
    return await page.evaluate<number>(RUN[place].replace('ARGUMENT', JSON.stringify(argument)));
  } finally {
    await page.close();
  }
}
