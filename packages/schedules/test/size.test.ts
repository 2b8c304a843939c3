// What one schedule costs an application.
import * as schedules from '@polyak/schedules';
import { expect, it } from 'vitest';
import { bundled } from '../../../tests/support/bundled.js';

it.each(Object.keys(schedules))('%s alone takes less than 1 kB of an application', async (name) => {
  const code = await bundled(name, '@polyak/schedules');
  expect(code).toContain(`as ${name}`);
  expect(Buffer.byteLength(code)).toBeLessThan(1000);
});

it('measures what is there: all schedules together take more', async () => {
  expect((await bundled('*', '@polyak/schedules')).length).toBeGreaterThan(3000);
});
