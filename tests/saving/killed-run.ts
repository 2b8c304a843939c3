// A run of which processes are killed, and the run that it is compared with.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileStore } from '@polyak/checkpoints/node';
import { CheckpointFolder } from '@polyak/checkpoints/saving';
import { expect } from 'vitest';
import type { Kind } from './trainee.js';
import type { Training } from './train.js';

/** What all runs of a kind share. */
interface RunSettings {
  readonly kind: Kind;
  /** The bundle of killed-training.ts. */
  readonly script: string;
  readonly digits: string;
  /** Holds a folder for each run. */
  readonly home: string;
  readonly steps: number;
  readonly saveEvery: number;
}

/** What one process of a run has of its own. */
interface RunOptions {
  readonly seed?: number;
  readonly maxToKeep?: number | null;
}

/** Files by their names. */
type Files = ReadonlyMap<string, Buffer>;

/** The runs of a kind in folders of their own. */
export class Runs {
  readonly #settings: RunSettings;
  #count = 0;
  /** How long a process trains from the first step to the last, in milliseconds. */
  duration = 0;

  constructor(settings: RunSettings) {
    this.#settings = settings;
  }

  /** A new folder, with copies of files if they are given. */
  async folder(files: readonly string[] = []): Promise<string> {
    this.#count += 1;
    const { kind, home } = this.#settings;
    const folder = join(home, `${kind} ${this.#count}`);
    await mkdir(folder);
    for (const file of files) await copyFile(file, join(folder, file.slice(file.lastIndexOf('/'))));
    return folder;
  }

  /** Starts a process that trains, or goes on. */
  start(folder: string, { seed = 1, maxToKeep = 2 }: RunOptions = {}): ChildProcess {
    const { script, home: _, ...rest } = this.#settings;
    const training: Training = { ...rest, folder, seed, maxToKeep };
    return spawn(process.execPath, [script, JSON.stringify(training)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  /** Trains to the end, and gives the files of the folder. */
  async whole(folder: string, options: RunOptions = {}): Promise<Files> {
    const isNew = (await readdir(folder)).length === 0;
    const child = this.start(folder, options);
    const exit = once(child, 'exit') as Promise<[number | null]>;
    await begun(child, exit);
    const begin = performance.now();
    const [code] = await exit;
    assert.equal(code, 0);
    if (isNew) this.duration = performance.now() - begin;
    return filesOf(folder);
  }

  /**
   * Kills a process after a time that counts from its first step.
   *
   * @returns whether it was killed before it ended
   */
  async killed(folder: string, milliseconds: number): Promise<boolean> {
    // Another seed: all must come from the record.
    const isFirst = (await readdir(folder)).length === 0;
    const child = this.start(folder, { seed: isFirst ? 1 : 2 });
    const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
    await begun(child, exit);
    await setTimeout(milliseconds);
    child.kill('SIGKILL');
    const [code, signal] = await exit;
    assert.deepEqual([code, signal], signal === null ? [0, null] : [null, 'SIGKILL']);
    return signal !== null;
  }
}

/** Waits for the first step, or for a process that fails before it. */
async function begun({ stdout }: ChildProcess, exit: Promise<unknown>): Promise<void> {
  await Promise.race([once(stdout as NonNullable<typeof stdout>, 'data'), exit]);
}

/** The checkpoints in a folder. */
export async function filesOf(folder: string): Promise<Files> {
  const files = new Map<string, Buffer>();
  const own = new CheckpointFolder(fileStore(folder), { maxToKeep: Infinity });
  for (const { name } of await own.list()) {
    await own.load({ name }); // throws if it is damaged
    files.set(name, await readFile(join(folder, name)));
  }
  return files;
}

/** Fails unless each of the files is, byte for byte, that of the run that was left alone. */
export function expectSame(files: Files, whole: Files): void {
  for (const [name, bytes] of files) {
    expect([...whole.keys()]).toContain(name);
    expect(`${name} ${bytes.equals(whole.get(name) ?? Buffer.alloc(0))}`).toBe(`${name} true`);
  }
}
