// The embedded kernel is the one that can be read.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import wabt from 'wabt';
import { KERNEL } from '../../src/kernel/kernel-bytes.js';

it('embeds what kernel.wat assembles to', async () => {
  const source = await readFile(new URL('../../src/kernel/kernel.wat', import.meta.url), 'utf8');
  const toolkit = await wabt();
  const assembled = toolkit.parseWat('kernel.wat', source).toBinary({}).buffer;
  expect(KERNEL, 'run `pnpm --filter @polyak/core kernel`').toBe(
    Buffer.from(assembled).toString('base64'),
  );
});

it('is small enough for browsers to compile on the main thread', () => {
  expect(Buffer.from(KERNEL, 'base64').length).toBeLessThan(4096);
});
