// The X server that headlessgl needs, where none runs and Xvfb is installed. Vitest calls this once
// for all test files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Readable } from 'node:stream';

/**
 * Starts it, before there are workers to inherit `DISPLAY`.
 *
 * @returns what ends it, if it was started
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['DISPLAY'] !== undefined) return undefined;
  const server = spawn('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const display = await new Promise<string | undefined>((resolve) => {
    // Not installed, or not able to start: what needs it says so.
    server.once('error', () => resolve(undefined));
    server.once('exit', () => resolve(undefined));
    (server.stdio[3] as Readable).once('data', (number: Buffer) =>
      resolve(number.toString().trim()),
    );
  });
  if (display === undefined) return undefined;
  process.env['DISPLAY'] = `:${display}`;
  return async () => {
    const ended = once(server, 'exit');
    server.kill();
    await ended;
  };
}
