// Processes that are killed while they write: the output is the old one, none or the new one, and
// what is resumed has the bytes of a run that was left alone.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleWriter } from './bundled-writer.js';
import type { WriterOptions } from './killed-writer.js';
import { contentsOf } from './output.js';

const ONE = { 'mean.bin': 20_000 };
const SHARDS = { 'mean-1.bin': 9_000, 'mean-2.bin': 8_001, 'mean.json': 990 };
const NEW = { seed: 1, unit: 8_000 };
const OLD = 2;
const KILLS = 200;
/** Processes at once: they wait for the disk. */
const LANES = 4;

let folder = '';
let script = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-kill-'));
  script = await bundleWriter(folder);
});

afterAll(async () => rm(folder, { recursive: true }));

/** An output in a folder of its own. */
class Output {
  readonly folder: string;
  readonly files: Readonly<Record<string, number>>;
  readonly replaces: boolean;

  constructor(name: string, files: Readonly<Record<string, number>>, replaces: boolean) {
    this.folder = join(folder, name);
    this.files = files;
    this.replaces = replaces;
  }

  /** Puts the old output into the empty folder, if there is one. */
  async begin(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(this.folder);
    if (!this.replaces) return;
    for (const [name, byteLength] of Object.entries(this.files)) {
      await writeFile(join(this.folder, name), contentsOf(name, byteLength, OLD));
    }
  }

  start(killAt?: number): ChildProcess {
    const { files, replaces: force } = this;
    const output = join(this.folder, Object.keys(files).at(-1) ?? '');
    const common = { output, files, force, ...NEW };
    const options: WriterOptions = killAt === undefined ? common : { ...common, killAt };
    return spawn(process.execPath, [script, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  /** Which output a reader finds, who opens the last file and then the others. */
  async found(): Promise<string> {
    const kinds = new Set<string>();
    for (const [name, byteLength] of Object.entries(this.files).toReversed()) {
      const bytes = await readFile(join(this.folder, name)).catch(() => undefined);
      if (kinds.size === 0 && bytes === undefined) return 'none';
      const is = (seed: number): boolean =>
        bytes?.equals(contentsOf(name, byteLength, seed)) ?? false;
      kinds.add(is(OLD) ? 'old' : is(NEW.seed) ? 'new' : 'broken');
    }
    return [...kinds].join(' and ');
  }

  /** Lets a process end. Returns which output a reader finds then, and what is left beside it. */
  async finish(): Promise<string> {
    // Without force, a new output that is there already is left alone.
    if (!this.replaces && (await this.found()) === 'new') return 'new';
    const code = await ended(this.start());
    const left = (await readdir(this.folder)).filter((name) => !(name in this.files));
    return [await this.found(), ...left, ...(code === 0 ? [] : [`exit code ${code}`])].join(', ');
  }
}

describe('a process that is killed', { timeout: 240_000 }, () => {
  it('at each call of the file system leaves whole outputs, and is resumed', async () => {
    const seen = new Set<string>();
    const killAtEach = async (output: Output, first: number): Promise<void> => {
      for (let call = first, code: number | null = null; code !== 0; call += LANES) {
        await output.begin();
        code = await ended(output.start(call));
        seen.add(await output.found());
        expect(await output.finish()).toBe('new');
      }
    };
    await Promise.all(
      Array.from({ length: LANES }, (_, lane) =>
        killAtEach(new Output(`lane ${lane}`, SHARDS, true), lane + 1),
      ),
    );
    expect([...seen].toSorted()).toEqual(['new', 'none', 'old']);
  });

  it(`at ${KILLS} random moments leaves whole outputs, and is resumed`, async () => {
    const seen = new Map<string, number>();
    let state = 12;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const killOften = async (output: Output): Promise<void> => {
      await output.begin();
      // How long a process writes: longer on a busy machine.
      let duration = 60;
      for (let kills = 0; kills < KILLS / LANES;) {
        const child = output.start();
        const exit = ended(child);
        await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
        await setTimeout(random() * duration);
        child.kill('SIGKILL');
        const killed = (await exit) === null;
        duration *= killed ? 1.05 : 0.8;
        if (killed) kills += 1;
        const found = await output.found();
        seen.set(found, (seen.get(found) ?? 0) + 1);
        if (found !== 'new' && random() > 0.2) continue;
        expect(await output.finish()).toBe('new');
        await output.begin();
      }
    };
    await Promise.all([
      killOften(new Output('one new', ONE, false)),
      killOften(new Output('one replaced', ONE, true)),
      killOften(new Output('several new', SHARDS, false)),
      killOften(new Output('several replaced', SHARDS, true)),
    ]);
    console.log(`[kill] found: ${JSON.stringify(Object.fromEntries(seen))}`);
    expect([...seen.keys()].toSorted()).toEqual(['new', 'none', 'old']);
  });
});

/** The exit code, or null for a process that was killed. */
async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
