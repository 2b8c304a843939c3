// An output that processes write and are killed at, in a folder of its own.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files by their names; the one that readers open is the last. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** What is written, and by what. */
export interface OutputOptions {
  readonly folder: string;
  /** What is replaced, if anything is. */
  readonly old?: Files;
  /** What a process that is left alone writes. */
  readonly next: Files;
  /** The script. */
  readonly script: string;
  /** What it is told to do, beside the path of the output. */
  readonly options: object;
}

/** An output in a folder of its own. */
export class KilledOutput {
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** Puts the old output into the empty folder, if there is one. */
  async begin(): Promise<void> {
    const { folder, old = new Map<string, Uint8Array>() } = this.#options;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    for (const [name, bytes] of old) await writeFile(join(folder, name), bytes);
  }

  /** Starts a process that writes the output, or resumes it. */
  start(more: object = {}): ChildProcess {
    const { folder, old, next, script, options } = this.#options;
    const output = join(folder, [...next.keys()].at(-1) ?? '');
    const text = JSON.stringify({ output, force: old !== undefined, ...options, ...more });
    return spawn(process.execPath, [script, text], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Which output a reader finds, who opens the last file and then the others. */
  async found(): Promise<string> {
    const { folder, old, next } = this.#options;
    const found = new Map<string, Buffer>();
    for (const name of [...next.keys()].toReversed()) {
      const bytes = await readFile(join(folder, name)).catch(() => undefined);
      if (found.size === 0 && bytes === undefined) return 'none';
      found.set(name, bytes ?? Buffer.alloc(0));
    }
    const are = (files: Files): boolean =>
      [...files].every(([name, bytes]) => found.get(name)?.equals(bytes) ?? false);
    if (old !== undefined && are(old)) return 'old';
    return are(next) ? 'new' : 'broken';
  }

  /** Lets a process end. Returns which output a reader finds then, and what is left beside it. */
  async finish(): Promise<string> {
    const { folder, old, next } = this.#options;
    // Without force, a new output that is there already is left alone.
    if (old === undefined && (await this.found()) === 'new') return 'new';
    const code = await ended(this.start());
    const left = (await readdir(folder)).filter((name) => !next.has(name));
    return [await this.found(), ...left, ...(code === 0 ? [] : [`exit code ${code}`])].join(', ');
  }
}

/** The exit code, or null for a process that was killed. */
export async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
