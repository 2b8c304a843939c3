// What one rule costs an application.
import { expect, it } from 'vitest';
import { bundled } from '../../../../tests/support/bundled.js';

const RULES = [
  'debiasedExponential',
  'equal',
  'exponential',
  'halfLife',
  'lastK',
  'powerFunction',
  'powerWarmUp',
  'rationalWarmUp',
  'saturatingWarmUp',
];

it.each(RULES)('%s alone takes less than 1 kB of an application', async (name) => {
  const code = await bundled(name, '@polyak/core/rules');
  expect(code).toContain(`as ${name}`);
  expect(Buffer.byteLength(code)).toBeLessThan(1000);
});

it('measures what is there: all of the package takes more', async () => {
  expect((await bundled('*', '@polyak/core')).length).toBeGreaterThan(3000);
});
