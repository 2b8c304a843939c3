// The user's module: how it is named, and when its faults are found.
import { writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { killed, startFleet } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { done, MEAN } from './support/runs.js';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const TOY = new URL('support/toy.mjs', import.meta.url);

describe.skipIf(NO_REDIS !== undefined)('a training module', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(0);
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  it.each([
    ['a relative path', relative(PACKAGE, fileURLToPath(TOY))],
    ['an absolute path', fileURLToPath(TOY)],
    ['a URL as text', TOY.href],
    ['a URL', TOY],
  ])('can be named by %s', async (what, module) => {
    const worker = await fleet.startWorker({ module });
    const id = `named-${what.replaceAll(' ', '-')}`;
    const { rounds } = await done(fleet, id, [{ ...MEAN, workers: 1, steps: 1 }]);
    expect(rounds).toHaveLength(1);
    await killed(worker);
  });

  it.each([
    ['is not there', undefined, /Cannot find module '.*\.mjs'/],
    [
      'has a syntax error',
      'export const a = 1;\nexport function train( {',
      /\.mjs:2[^]*SyntaxError/,
    ],
    ['throws', "throw new Error('no GPU');", /no GPU/],
    ['ends its process', 'process.exit(3);', /ended with exit code 3\./],
    ['imports what is not there', "import 'no-such-package';", /no-such-package/],
    ['has no train', 'export const evaluate = () => 1;', /exports no function "train"/],
    ['has a train that is none', 'export const train = 5;', /a number instead of .* "train"/],
    ['has a bnUpdate that is none', 'export const train = () => 1, bnUpdate = 1;', /"bnUpdate"/],
    [
      'opens another store',
      "export const train = () => 1, openStore = () => ({ name: 's3://other' });",
      /opens the store s3:\/\/other, and the worker has the store .*Let "openStore" return/,
    ],
  ])('that %s is refused when a worker is started', async (what, text, message) => {
    const path = fleet.path(`${what.replaceAll(' ', '-')}.mjs`);
    if (text !== undefined) await writeFile(path, text);
    const error = await fleet.startWorker({ module: path }).then(
      () => undefined,
      (reason: unknown) => (reason as Error).message,
    );
    expect(error).toMatch(message);
    expect(error).toContain(`startWorker: the module ${pathToFileURL(path).href} `);
  });
});
