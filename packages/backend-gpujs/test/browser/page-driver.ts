// Calls what page.ts offers, in a Chromium.
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { rolldown } from 'rolldown';
import type { PageApi } from './page.js';

/**
 * The script of page.ts, from the sources of all packages, minified: kernels are source text that
 * gpu.js compiles.
 */
export async function bundlePage(): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(new URL('page.ts', import.meta.url)),
    platform: 'browser',
    resolve: { conditionNames: ['@polyak/source', 'browser', 'import', 'default'] },
  });
  const { output } = await build.generate({ format: 'iife', minify: true });
  await build.close();
  return output[0].code;
}

type Answer<Name extends keyof PageApi> = Awaited<ReturnType<PageApi[Name]>>;

/** A page that has run the script. */
export interface Page {
  /** Calls a function of the page. */
  call<Name extends keyof PageApi>(
    name: Name,
    ...args: Parameters<PageApi[Name]>
  ): Promise<Answer<Name>>;
  /**
   * Warnings and errors that the page wrote to its console: WebGPU reports there what it could not
   * run.
   */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Opens a page and runs the script in it. */
export async function openPage(browser: Browser, script: string): Promise<Page> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // That the driver waits for what is read back is no fault.
    const isHint = message.text().includes('GPU stall due to ReadPixels');
    if (['warning', 'error'].includes(message.type()) && !isHint) complaints.push(message.text());
  });
  // No server behind it: WebGPU wants a secure context, which about:blank is not and localhost is.
  await page.route('**', async (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Polyak</title>' }),
  );
  await page.goto('http://localhost/');
  await page.addScriptTag({ content: script });
  return {
    complaints,
    close: async () => page.close(),
    async call<Name extends keyof PageApi>(
      name: Name,
      ...args: Parameters<PageApi[Name]>
    ): Promise<Answer<Name>> {
      const answer: unknown = await page.evaluate(`polyak.${name}(...${JSON.stringify(args)})`);
      return answer as Answer<Name>;
    },
  };
}
