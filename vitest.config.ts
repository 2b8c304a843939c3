import { defineConfig } from 'vitest/config';

// Tests see the sources: the packages' `exports` name them under this condition.
const conditions = ['@polyak/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      '{packages,examples}/*/test/**/*.test.ts',
      '{bench,bench/gpu,docs,installed,playground,release}/test/**/*.test.ts',
      'tests/**/*.test.ts',
      'tools/*/test/**/*.test.ts',
    ],
    globalSetup: ['tests/support/gpujs/display.ts'],
    testTimeout: 60_000,
    // The code examples of the docs: each starts a process.
    maxConcurrency: 2,
  },
});
