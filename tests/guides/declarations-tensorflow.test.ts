// The same of tfjs on TensorFlow. In a process of its own: see tests/features/on-every-backend.ts.
import { expect, it } from 'vitest';
import { tfjsHarness } from '../support/tfjs/harness.js';
import { hasTensorFlow } from '../support/tfjs/runtimes.js';
import { declared, guideTable } from './declared.js';

it.skipIf(!hasTensorFlow)('the guide says what is declared by tfjs:tensorflow', async () => {
  const { backend } = await tfjsHarness('tensorflow');
  expect(guideTable().get(backend.name)).toEqual(declared(backend));
});
