// In a file of its own: two copies of tfjs in a process number their variables alike.
import { describe } from 'vitest';

import { loadNative } from '../native.js';
import { describeLegs } from './legs-suite.js';

const tf = await loadNative();

describe.skipIf(tf === undefined)('legs on TensorFlow', () => {
  describeLegs(async () => tf ?? Promise.reject(new Error('TensorFlow is not there.')));
});
