import { describe } from 'vitest';

import { loadBackend } from '../src/load.js';
import { describeRuns } from './run-suite.js';

describe('a run on wasm', () => {
  describeRuns(async () => (await loadBackend('wasm', () => {})).tf);
});
