// Runs in the project that has the bundlers: `node bundle.js BUNDLER ENTRY FOLDER`. Each bundler is
// configured as its guide says for a script of a page, and no further.
import { join } from 'node:path';
import process from 'node:process';

const bundlers = {
  async vite(entry, folder) {
    const { build } = await import('vite');
    await build({
      logLevel: 'warn',
      configFile: false,
      build: {
        outDir: folder,
        modulePreload: false,
        rollupOptions: { input: entry, output: { entryFileNames: 'bundle.js' } },
      },
    });
  },
  async rollup(entry, folder) {
    const [{ rollup }, { nodeResolve }, { default: commonjs }, { default: terser }] =
      await Promise.all([
        import('rollup'),
        import('@rollup/plugin-node-resolve'),
        import('@rollup/plugin-commonjs'),
        import('@rollup/plugin-terser'),
      ]);
    const plugins = [nodeResolve({ browser: true }), commonjs(), terser()];
    const bundle = await rollup({ input: entry, plugins });
    await bundle.write({
      file: join(folder, 'bundle.js'),
      format: 'es',
      inlineDynamicImports: true,
    });
    await bundle.close();
  },
  async webpack(entry, folder) {
    const { default: webpack } = await import('webpack');
    const output = { path: folder, filename: 'bundle.js' };
    await new Promise((resolve, reject) => {
      webpack({ mode: 'production', entry, output, performance: false }, (error, stats) => {
        if (error) reject(error);
        else if (stats.hasErrors()) reject(new Error(stats.toString('errors-only')));
        else resolve();
      });
    });
  },
  async esbuild(entry, folder) {
    const { build } = await import('esbuild');
    await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: 'esm',
      outfile: join(folder, 'bundle.js'),
      logLevel: 'warning',
    });
  },
};

const [, , bundler, entry, folder] = process.argv;
await bundlers[bundler](entry, folder);
