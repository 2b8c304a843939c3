// Scripts of tests in the pages of a browser: bundled from the sources, and called by name.
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { rolldown } from 'rolldown';

/**
 * Bundles a script for a page.
 *
 * @param script - assigns its functions to `globalThis.polyak`
 * @param options - `minify`: as applications are, for kernels that are the source text of functions
 */
export async function bundlePage(
  script: URL,
  { minify = false }: { readonly minify?: boolean } = {},
): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(script),
    platform: 'browser',
    resolve: { conditionNames: ['@polyak/source', 'browser', 'import', 'default'] },
  });
  const { output } = await build.generate({ format: 'iife', minify });
  await build.close();
  return output[0].code;
}

type Functions<Api> = Record<keyof Api, (...args: never[]) => unknown>;

/** A page that has run a script, which offers the functions of `Api`. */
export interface Page<Api extends Functions<Api>> {
  /** Calls a function of the page. */
  call<Name extends keyof Api & string>(
    name: Name,
    ...args: Parameters<Api[Name]>
  ): Promise<Awaited<ReturnType<Api[Name]>>>;
  /**
   * Warnings and errors that the page wrote to its console: WebGPU reports there what it could not
   * run.
   */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Opens a page and runs the script in it. */
export async function openPage<Api extends Functions<Api>>(
  browser: Browser,
  script: string,
): Promise<Page<Api>> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // That WebGL's driver waits for what is read back is no fault.
    if (message.text().includes('GPU stall due to ReadPixels')) return;
    if (['warning', 'error'].includes(message.type())) complaints.push(message.text());
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
    async call(name, ...args) {
      // What comes back is data: its type is that of the function's result.
      return page.evaluate<never>(`polyak.${name}(...${JSON.stringify(args)})`);
    },
  };
}
