// In a file of its own: two copies of tfjs in a process number their variables alike.
import { describe } from 'vitest';

import { loadNative } from './native.js';
import { describeRuns } from './run-suite.js';

const tf = await loadNative();

describe.skipIf(tf === undefined)('a run on TensorFlow', () => {
  describeRuns(async () => tf ?? Promise.reject(new Error('TensorFlow is not there.')));
});
