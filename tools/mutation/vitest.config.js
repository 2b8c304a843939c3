// The tests that mutants meet: those of the mutated packages, and those of features on their
// backends. The random scripts of tests/faults take too long for thousands of mutants.
import { defineConfig } from 'vitest/config';
import config from '../../vitest.config.js';

export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: [
      'packages/{core,backend-cpu}/test/**/*.test.ts',
      'packages/backend-tfjs/test/training/*.test.ts',
      'tests/features/*.test.ts',
    ],
    globalSetup: [],
  },
});
