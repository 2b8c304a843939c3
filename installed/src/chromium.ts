// A Chromium, and bundles that run in it.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

// Software stands in for the GPU.
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-background-networking',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];

/** Starts the Chromium of `CHROMIUM_PATH`, or else the first one on `PATH`. */
export async function startChromium(): Promise<Browser | undefined> {
  const { CHROMIUM_PATH: named, PATH = '' } = process.env;
  const candidates = named
    ? [named]
    : NAMES.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)));
  const executablePath = candidates.find((path) => existsSync(path));
  return executablePath === undefined
    ? undefined
    : chromium.launch({ executablePath, args: FLAGS });
}

/** Where a bundle runs. */
export type Place = 'page' | 'worker';

const WORKER = `import '/bundle.js';
globalThis.onmessage = async ({ data }) => {
  try {
    postMessage({ value: await polyak(data) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
postMessage({ ready: true });`;

const IN_WORKER = `new Promise((resolve, reject) => {
  const worker = new Worker('/worker.js', { type: 'module' });
  worker.onerror = (event) => reject(new Error(event.message));
  worker.onmessage = ({ data }) => {
    if (data.ready) worker.postMessage(ARGUMENT);
    else if (data.error) reject(new Error(data.error));
    else resolve(data.value);
  };
})`;

const IN_PAGE = `import('/bundle.js').then(() => polyak(ARGUMENT))`;

/**
 * Runs a bundle, which is `bundle.js` of a folder, with one argument, and returns its number.
 *
 * @param wasm - the folder with tfjs's `.wasm` files
 */
export async function runBundle(
  browser: Browser,
  { folder, wasm }: { readonly folder: string; readonly wasm: string },
  place: Place,
  argument: string,
): Promise<number> {
  const page = await browser.newPage();
  try {
    // No server behind it: WebGPU wants a secure context, which localhost is.
    await page.route('**', async (route) => {
      const { pathname } = new URL(route.request().url());
      const [, directory, name = ''] = /^\/(wasm\/)?(.+\.(?:js|wasm))?$/u.exec(pathname) ?? [];
      if (pathname === '/') {
        await route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>.</title>' });
      } else if (pathname === '/worker.js') {
        await route.fulfill({ contentType: 'text/javascript', body: WORKER });
      } else {
        const contentType = name.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
        const path = join(directory ? wasm : folder, name);
        await (existsSync(path)
          ? route.fulfill({ contentType, body: await readFile(path) })
          : route.fulfill({ status: 404 }));
      }
    });
    await page.goto('http://localhost/');
    const script = place === 'worker' ? IN_WORKER : IN_PAGE;
    return await page.evaluate<number>(script.replace('ARGUMENT', JSON.stringify(argument)));
  } finally {
    await page.close();
  }
}
