// A script in a process of its own, which tests kill, stop and continue.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A running script. */
export class ScriptProcess {
  readonly #child: ChildProcess;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly #messages: unknown[] = [];

  /**
   * @param path - of a bundled script
   * @param options - its first argument, as JSON
   */
  constructor(path: string, options: object) {
    this.#child = fork(path, [JSON.stringify(options)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message) => this.#messages.push(message));
    this.ended = once(this.#child, 'exit').then(
      ([code, signal]) => (code ?? signal) as number | string,
    );
  }

  /** What it has sent. */
  get messages(): readonly unknown[] {
    return this.#messages;
  }

  /** Whether it runs. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits for its next message. */
  async message(): Promise<void> {
    const { length } = this.#messages;
    const message = new Promise((resolve) => this.#child.once('message', resolve));
    await Promise.race([message, this.ended]);
    if (this.#messages.length === length) throw new Error('the script ended without a message.');
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it by a signal. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    this.#child.kill(signal);
    return await this.ended;
  }
}
