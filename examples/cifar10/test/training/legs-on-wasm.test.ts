import { describe } from 'vitest';

import { loadBackend } from '../../src/network/load-backend.js';
import { describeLegs } from './legs-suite.js';

describe('legs on wasm', () => {
  describeLegs(async () => (await loadBackend('wasm', () => {})).tf);
});
