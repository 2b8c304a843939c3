// Bundles of small pages, by each bundler, that run in Chromium.
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { findChromium, startChromium } from '../../tests/support/chromium.js';
import type { Bundle } from './chromium.js';
import { runBundle } from './chromium.js';
import { compile, PEERS, PROGRAMS } from './programs.js';
import { installedVersion, makeProject } from './project.js';
import type { Report } from './row.js';
import { run } from './run.js';
import type { Tarballs } from './tarballs.js';

const PAGES = fileURLToPath(new URL('../pages/', import.meta.url));

/** The bundlers, and what they need beside them. */
const TOOLS = {
  vite: '^8.3.8',
  rollup: '^4.68.8',
  '@rollup/plugin-commonjs': '^29.0.0',
  '@rollup/plugin-node-resolve': '^16.0.0',
  '@rollup/plugin-terser': '^1.0.0',
  webpack: '^5.113.0',
  esbuild: '^0.28.2',
};

/** The bundlers of the full matrix. */
export const BUNDLERS = ['vite', 'rollup', 'webpack', 'esbuild'];

interface Page {
  readonly name: string;
  /**
   * Most bytes, gzipped. What is over it was not tree-shaken: the bundlers differ by 5 %.
   * `tests/sizes` limits how the packages grow.
   */
  readonly limit?: number;
  /** Runs once with each of these arguments. */
  readonly args: readonly string[];
}

const pages: readonly Page[] = [
  { name: 'equal', limit: 150, args: [] },
  { name: 'schedule', limit: 600, args: [] },
  { name: 'cpu', limit: 23_300, args: ['wasm', 'js'] },
  { name: 'tfjs', args: ['wasm', 'webgl', 'webgpu'] },
];

/** Averages of float32 may be this far from the float64 means of weights around 10. */
const TOLERANCE = 3e-6;

/** Bundles the pages by each bundler, measures them, and runs them in a page and a worker. */
export async function checkBundles(
  project: string,
  tarballs: Tarballs,
  bundlers: readonly string[],
  report: Report,
): Promise<void> {
  report.say('Install the bundlers');
  await makeProject(project, tarballs, {
    packages: ['@polyak/backend-cpu', '@polyak/backend-tfjs', '@polyak/core', '@polyak/schedules'],
    others: { ...PEERS.tfjs, '@tensorflow/tfjs-backend-webgpu': '^4.22.0', ...TOOLS },
  });
  const [entries, training] = [join(project, 'pages'), join(project, 'programs')];
  for (const folder of [entries, training]) await mkdir(folder);
  for (const { name } of pages) await compile(join(PAGES, `${name}.ts`), entries);
  await compile(join(PROGRAMS, 'tfjs-training.ts'), training);
  await copyFile(join(PAGES, 'bundle.js'), join(project, 'bundle.js'));
  const wasm = join(project, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');

  const path = findChromium();
  const browser = path === undefined ? undefined : await startChromium(path);
  try {
    for (const page of pages) {
      for (const bundler of bundlers) {
        const where = `${bundler} ${await installedVersion(project, bundler)}`;
        const folder = await bundle(project, bundler, where, page, report);
        if (folder === undefined) continue;
        for (const arg of page.args) {
          await runEverywhere(browser, { folder, wasm }, [page.name, arg], where, report);
        }
      }
    }
  } finally {
    await browser?.close();
  }
}

/** Bundles a page, and returns its folder if that worked. */
async function bundle(
  project: string,
  bundler: string,
  where: string,
  { name, limit = Infinity }: Page,
  report: Report,
): Promise<string | undefined> {
  const folder = join(project, 'bundles', bundler, name);
  const command = ['node', 'bundle.js', bundler, `./pages/${name}.js`, folder];
  const { code, output } = await run(command, { cwd: project });
  const what = `bundle ${name}`;
  if (code !== 0) {
    report.add({ what, where, result: 'failed', note: output });
    return undefined;
  }
  const bytes = await readFile(join(folder, 'bundle.js'));
  const size = gzipSync(bytes, { level: 9 }).length;
  const note = `${size} bytes gzipped, ${bytes.length} minified`;
  if (size <= limit) report.add({ what, where, result: 'ok', note });
  else report.add({ what, where, result: 'failed', note: `${note}; expected at most ${limit}` });
  return folder;
}

/** Runs a bundle in a page and in a Web Worker. */
async function runEverywhere(
  browser: Browser | undefined,
  bundled: Bundle,
  [page, argument]: readonly [string, string],
  bundler: string,
  report: Report,
): Promise<void> {
  for (const place of ['page', 'worker'] as const) {
    const what = `${page} ${argument} in a ${place}`;
    const add = (result: 'ok' | 'failed' | 'skipped', note: string): void =>
      report.add({ what, where: bundler, result, note });
    if (browser === undefined) {
      add('skipped', 'no Chromium: set CHROMIUM_PATH, or put chromium on PATH');
      continue;
    }
    try {
      const error = await runBundle(browser, bundled, place, argument);
      if (error < TOLERANCE) add('ok', `Chromium ${browser.version()}`);
      else add('failed', `the averages are ${error} from the means, expected ${TOLERANCE}`);
    } catch (error) {
      add('failed', String(error));
    }
  }
}
