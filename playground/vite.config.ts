import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  base: './',
  resolve: { conditions: ['@polyak/source', ...defaultClientConditions] },
  worker: { format: 'es' },
  build: {
    // Older targets rewrite light-dark(), which then follows only a color-scheme in the same sheet.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    chunkSizeWarningLimit: 1500,
  },
});
