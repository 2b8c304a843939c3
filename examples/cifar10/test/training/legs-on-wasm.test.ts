import { describe } from 'vitest';

import { loadTfjs } from '@polyak/example-shared/load-tfjs';
import { describeLegs } from './legs-suite.js';

describe('legs on wasm', () => {
  describeLegs(async () => (await loadTfjs('wasm', () => {})).tf);
});
