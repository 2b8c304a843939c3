// Disks that are full or not to be written, and files that may not grow: the old output stays, and
// the error says why.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StageOptions } from '@polyak/checkpoints/node';
import { prepareOutput, stageOutput, writeFileAtomic } from '@polyak/checkpoints/node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { contentsOf, layoutOf, writeUnits } from './output.js';

const { disk, onFailingDisk } = await vi.hoisted(async () => import('../failing-disk.js'));
vi.mock(import('node:fs/promises'), onFailingDisk);

const FILES = { 'mean-1.bin': 5_000, 'mean.json': 990 };
const NEW = { seed: 1, unit: 2_500 };
const OLD = 2;

let folder = '';
let output = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-full-'));
  output = join(folder, 'mean.json');
  disk.reset();
});

afterEach(async () => rm(folder, { recursive: true }));

async function writeOld(): Promise<void> {
  for (const [name, byteLength] of Object.entries(FILES)) {
    await writeFile(join(folder, name), contentsOf(name, byteLength, OLD));
  }
}

/** Which output is in the folder. */
async function found(): Promise<string> {
  const kinds = new Set<string>();
  for (const [name, byteLength] of Object.entries(FILES).toReversed()) {
    const bytes = await readFile(join(folder, name)).catch(() => undefined);
    if (kinds.size === 0 && bytes === undefined) return 'none';
    const is = (seed: number): boolean =>
      bytes?.equals(contentsOf(name, byteLength, seed)) ?? false;
    kinds.add(is(OLD) ? 'old' : is(NEW.seed) ? 'new' : 'broken');
  }
  return [...kinds].join(' and ');
}

async function merge(options: Partial<StageOptions>): Promise<void> {
  const plan = { request: 'mean', ...options };
  if (await prepareOutput(output, plan)) return;
  const staged = await stageOutput(output, layoutOf(FILES), { ...plan, inputs: [] });
  try {
    await writeUnits(staged, FILES, NEW);
    await staged.publish();
  } catch (error) {
    await staged.abandon();
    throw error;
  }
}

describe('a full disk', () => {
  it('at any call leaves a whole output, a clear error, and what can be resumed', async () => {
    const seen = new Set<string>();
    let calls = 1;
    for (; calls < 200; calls++) {
      await writeOld();
      disk.reset(calls);
      const error: unknown = await merge({ force: true }).catch((reason: unknown) => reason);
      if (error === undefined) break;
      expect(error).toMatchObject({ code: 'ENOSPC' });
      seen.add(await found());
      await merge({ force: true, resume: true });
      expect(await found()).toBe('new');
      expect((await readdir(folder)).toSorted()).toEqual(Object.keys(FILES));
    }
    expect(calls).toBeGreaterThan(20);
    // None: the index is away while a shard that it names is replaced.
    expect([...seen].toSorted()).toEqual(['new', 'none', 'old']);
  });
});

it.each(['EACCES', 'EPERM', 'EROFS'])(
  'says that a folder gives %s, and what to do',
  async (code) => {
    disk.reset(1, code);
    const error: unknown = await merge({}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code,
      message:
        `${output}: the folder ${folder} cannot be written (${code}). Name an output in another ` +
        'folder, or allow this user to write there.',
    });
    expect(await readdir(folder)).toEqual([]);
  },
);

describe('writeFileAtomic', () => {
  const path = (): string => join(folder, 'notes.txt');
  const chunks = ['new ', 'contents'].map((text) => new TextEncoder().encode(text));

  it('replaces a file at once, or makes it', async () => {
    for (let attempt = 0; attempt < 2; attempt++) {
      await writeFileAtomic(path(), chunks);
      expect(await readFile(path(), 'utf8')).toBe('new contents');
    }
    expect(await readdir(folder)).toEqual(['notes.txt']);
  });

  it('leaves the old file, and nothing else, if a call fails', async () => {
    await writeFile(path(), 'old');
    let calls = 1;
    for (; calls < 20; calls++) {
      disk.reset(calls);
      const error: unknown = await writeFileAtomic(path(), chunks).catch((reason) => reason);
      if ((await readFile(path(), 'utf8')) !== 'old') break;
      expect(error).toMatchObject({ code: 'ENOSPC' });
      expect(await readdir(folder)).toEqual(['notes.txt']);
    }
    expect(calls).toBeGreaterThan(4);
  });
});
