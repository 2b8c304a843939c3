// The tests that mutants meet: those of the mutated packages. Left out is what takes too long for
// thousands of mutants, and what measures the time and the memory of the process, which is not that
// of one test here. A mutant that only these tests would kill counts as one that survived.
import { defineConfig } from 'vitest/config';
import config from '../../vitest.config.js';

export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: [
      'packages/{core,backend-cpu}/test/**/*.test.ts',
      'packages/backend-tfjs/test/training/*.test.ts',
    ],
    exclude: [
      '**/test/fuzz/**',
      '**/conformance/broken.test.ts', // it tests the suite, which is not mutated
      '**/kernel-bytes.test.ts', // it tests another program
      '**/many.test.ts',
      '**/state-bytes-large.test.ts',
    ],
    globalSetup: [],
  },
});
