// A Python with torch, as a process that times what it is asked to.
import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Operation } from '../measure/paired.js';
import { Skipped } from '../row.js';

/** How PyTorch users make an update; functions of updates.py. */
export type TorchWork = 'foreach_lerp' | 'averaged_model' | 'torchcontrib';

const SCRIPTS = new URL('../../torch/', import.meta.url);

/** A running Python. */
export class TorchProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly version: string;

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    lines: AsyncIterator<string>,
    version: string,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.version = version;
  }

  /**
   * Starts `POLYAK_PYTHON`, or python3. It ends with this process.
   *
   * @throws Skipped where there is no Python with torch
   */
  static async start(script = 'updates.py'): Promise<TorchProcess> {
    const python = process.env['POLYAK_PYTHON'] ?? 'python3';
    // Threads that wait sleep: their spinning would count as CPU time.
    const env = { ...process.env, OMP_WAIT_POLICY: 'passive' };
    const child = spawn(python, [fileURLToPath(new URL(script, SCRIPTS))], { stdio: 'pipe', env });
    const complaints: string[] = [];
    child.stderr.on('data', (text) => complaints.push(String(text)));
    const ended = new Promise<string>((resolve) => {
      child.once('error', ({ message }) => resolve(message));
      child.once('close', () => resolve(complaints.join('').trim().split('\n').at(-1) ?? ''));
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), ended.then((reason) => ({ reason }))]);
    if ('value' in first && first.done !== true) {
      return new TorchProcess(child, lines, first.value);
    }
    const reason = 'reason' in first ? first.reason : await ended;
    throw new Skipped(
      `${python} found no torch (${reason}). Set POLYAK_PYTHON to a Python that has it.`,
    );
  }

  /** An update in this process, for `measurePaired`. */
  operation(work: TorchWork, lengths: readonly number[], threads: number): Operation {
    return this.sample((repeats) => ({ work, lengths, threads, repeats }));
  }

  /** Sends a line of JSON that asks for nothing. */
  tell(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Work of the script, for `measurePaired`. */
  sample(request: (repeats: number) => unknown): Operation {
    return {
      nanoseconds: async (repeats) => {
        this.#child.stdin.write(`${JSON.stringify(request(repeats))}\n`);
        const { value, done } = await this.#lines.next();
        if (done === true) throw new Error('Python ended before it answered.');
        return Number(value);
      },
    };
  }
}
