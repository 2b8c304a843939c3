// Bundles of small pages, by each bundler, that run in Chromium.
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { runBundle, startChromium } from './chromium.js';
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

/** The pages, and the arguments that each runs with. */
const pages = [
  { page: 'cpu', args: ['wasm', 'js'] },
  { page: 'tfjs', args: ['wasm', 'webgl', 'webgpu'] },
];

/** Averages of float32 may be this far from the float64 means of weights around 10. */
const TOLERANCE = 3e-6;

/** Bundles the pages by each bundler, prints the sizes, and runs them in a page and a worker. */
export async function checkBundles(
  project: string,
  tarballs: Tarballs,
  bundlers: readonly string[],
  report: Report,
): Promise<void> {
  await makeProject(project, tarballs, {
    packages: ['@polyak/backend-cpu', '@polyak/backend-tfjs', '@polyak/core'],
    others: { ...PEERS.tfjs, '@tensorflow/tfjs-backend-webgpu': '^4.22.0', ...TOOLS },
  });
  const [entries, training] = [join(project, 'pages'), join(project, 'programs')];
  for (const folder of [entries, training]) await mkdir(folder);
  for (const { page } of pages) await compile(join(PAGES, `${page}.ts`), entries);
  await compile(join(PROGRAMS, 'tfjs-training.ts'), training);
  await copyFile(join(PAGES, 'bundle.js'), join(project, 'bundle.js'));
  const wasm = join(project, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');

  const browser = await startChromium();
  if (browser === undefined) {
    const note = 'no Chromium: set CHROMIUM_PATH, or put chromium on PATH';
    report.add({ what: 'bundles run', where: 'Chromium', result: 'skipped', note });
  }
  try {
    for (const bundler of bundlers) {
      const version = `${bundler} ${await installedVersion(project, bundler)}`;
      for (const { page, args } of pages) {
        const output = join('bundles', bundler, page);
        const command = ['node', 'bundle.js', bundler, `pages/${page}.js`, output];
        const bundled = await run(command, { cwd: project });
        const what = `bundle: ${page}`;
        if (bundled.code !== 0) {
          report.add({ what, where: version, result: 'failed', note: bundled.output.trim() });
          continue;
        }
        const folder = join(project, output);
        const bytes = await readFile(join(folder, 'bundle.js'));
        const note = `${kilobytes(bytes.length)}, ${kilobytes(gzipSync(bytes).length)} gzipped`;
        report.add({ what, where: version, result: 'ok', note });
        if (browser === undefined) continue;
        for (const arg of args) {
          for (const place of ['page', 'worker'] as const) {
            const where = `${version}, Chromium ${place}`;
            const row = await runBundle(browser, { folder, wasm }, place, arg).then(
              (error) =>
                error < TOLERANCE
                  ? ({ result: 'ok', note: `error ${error.toExponential(1)}` } as const)
                  : ({ result: 'failed', note: `error ${error}, expected ${TOLERANCE}` } as const),
              (cause: unknown) => ({ result: 'failed', note: String(cause) }) as const,
            );
            report.add({ what: `${page} ${arg}`, where, ...row });
          }
        }
      }
    }
  } finally {
    await browser?.close();
  }
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
