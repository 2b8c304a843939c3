// What one rule or schedule costs an application.
import * as schedules from '@polyak/core/schedules';
import { expect, it } from 'vitest';
import { bundled } from './bundled.js';

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
const NAMES = [
  ...RULES.map((name) => [name, '@polyak/core'] as const),
  ...Object.keys(schedules).map((name) => [name, '@polyak/core/schedules'] as const),
];

it.each(NAMES)('%s alone takes less than 1 kB of an application', async (name, from) => {
  const code = await bundled(name, from);
  expect(code).toContain(`as ${name}`);
  expect(Buffer.byteLength(code)).toBeLessThan(1000);
});

it('measures what is there: all schedules together take more', async () => {
  expect((await bundled('*', '@polyak/core/schedules')).length).toBeGreaterThan(3000);
});
