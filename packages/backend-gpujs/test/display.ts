// The X server that headlessgl needs, where none runs and Xvfb is installed. Vitest calls this once for all test files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { Readable } from 'node:stream';

/**
 * Starts it, before there are workers to inherit `DISPLAY`.
 *
 * @returns what ends it
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['DISPLAY'] !== undefined) return undefined;
  const server = spawn('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const display = await Promise.race([
    once(server.stdio[3] as Readable, 'data').then(([number]) => String(number).trim()),
    // Not installed, or not able to start.
    once(server, 'exit').then(() => undefined),
    once(server, 'spawn').then(
      async () => new Promise<undefined>(() => {}),
      () => undefined,
    ),
  ]);
  if (display === undefined) return undefined;
  process.env['DISPLAY'] = `:${display}`;
  return async () => {
    const ended = once(server, 'exit');
    server.kill();
    await ended;
  };
}
