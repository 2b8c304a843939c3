// The embedded modules are those that can be read.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

it('embeds what the .wat files expand and assemble to', async () => {
  const script = path('../../scripts/assemble-kernel.js');
  await expect(promisify(execFile)(process.execPath, [script, '--check'])).resolves.toMatchObject({
    stderr: '',
  });
});

it.each(['kernel/kernel', 'half/widen', 'sums/sums'])(
  '%s is small enough to compile on the main thread',
  async (name) => {
    const embedded = await readFile(path(`../../src/${name}-bytes.ts`), 'utf8');
    const kernel = /'([0-9a-f]+)';/.exec(embedded)?.[1] ?? '';
    expect(Buffer.from(kernel, 'hex').subarray(1, 4).toString()).toBe('asm');
    expect(Buffer.byteLength(kernel, 'hex')).toBeLessThan(4096);
  },
);
