// The published suite, on each tfjs backend that runs here.
import { backendConformance } from '@polyak/core/conformance';
import { describe } from 'vitest';
import { declareConformance, NO_HALF, NO_VIEWS } from '../../../../tests/support/conformance.js';
import { tfjsHarness } from '../../../../tests/support/tfjs/harness.js';
import { RUNTIMES } from '../../../../tests/support/tfjs/runtimes.js';

describe.each(RUNTIMES)('tfjs:%s', (runtime) => {
  declareConformance(
    backendConformance(async () => tfjsHarness(runtime)),
    [NO_HALF, NO_VIEWS],
  );
});
