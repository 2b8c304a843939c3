// What one schedule costs an application.
import * as schedules from '@polyak/schedules';
import * as cyclic from '@polyak/schedules/cyclic';
import { expect, it } from 'vitest';
import { bundled } from '../../../tests/support/bundled.js';

const NAMES = [
  ...Object.keys(schedules).map((name) => [name, '@polyak/schedules'] as const),
  ...Object.keys(cyclic).map((name) => [name, '@polyak/schedules/cyclic'] as const),
];

it.each(NAMES)('%s alone takes less than 1 kB of an application', async (name, from) => {
  const code = await bundled(name, from);
  expect(code).toContain(`as ${name}`);
  expect(Buffer.byteLength(code)).toBeLessThan(1000);
});

it('measures what is there: all schedules together take more', async () => {
  expect((await bundled('*', '@polyak/schedules')).length).toBeGreaterThan(3000);
});
