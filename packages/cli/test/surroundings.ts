// A context that keeps what is written, for tests that run commands without a process.
import { Writable } from 'node:stream';
import type { Context } from '#context';

/** A context, and what was written to it. */
export interface Surroundings {
  readonly context: Context;
  stdout(): string;
  stderr(): string;
}

/**
 * A context for a test.
 *
 * @param isTTY - whether stderr is a terminal
 * @param signal - interrupts the command
 */
export function surroundings(
  isTTY = false,
  signal: AbortSignal = new AbortController().signal,
): Surroundings {
  const [stdout, stderr] = [collector(false), collector(isTTY)];
  return {
    context: { stdout: stdout.stream, stderr: stderr.stream, signal, debug: false },
    stdout: stdout.text,
    stderr: stderr.text,
  };
}

function collector(isTTY: boolean): { readonly stream: Context['stdout']; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 80 }), text: () => text };
}
