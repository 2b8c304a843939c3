// Files that take most memory for their size, each opened in a process whose heap is 16 times as
// large, and a few MB for Node itself.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HOSTILE } from './hostile.js';

const NODE_MB = 12;
const MB = 2 ** 20;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-memory-'));
  const build = await rolldown({
    input: fileURLToPath(new URL('opener.ts', import.meta.url)),
    platform: 'node',
    resolve: { conditionNames: ['@polyak/source', 'import'] },
  });
  await build.write({ file: join(folder, 'opener.mjs') });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

it.each(Object.entries(HOSTILE))(
  'opening %s takes at most 16 times its size',
  async (name, make) => {
    const bytes = make();
    const path = join(folder, name);
    await writeFile(path, bytes);
    const heap = Math.ceil((16 * bytes.byteLength) / MB) + NODE_MB;
    const limits = [`--max-old-space-size=${heap}`, '--max-semi-space-size=1'];
    const opener = join(folder, 'opener.mjs');
    const { stdout, stderr } = spawnSync(process.execPath, [...limits, opener, path], {
      encoding: 'utf8',
    });
    expect([stdout.trim(), stderr]).toEqual([expect.stringMatching(/^(opened|refused)$/), '']);
  },
);
