// A command as the judge of a checkpoint: the last number that it prints is the score.
import { spawn } from 'node:child_process';
import process from 'node:process';

const NUMBER = /[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|\bnan\b|\binf(?:inity)?\b)/giu;
// What a judge prints before its score is of no use, and may be long.
const KEPT = 2 ** 16;

/**
 * Runs `command` on a checkpoint.
 *
 * @param command - for the shell; the path replaces `{}`, or is appended where there is none
 * @param path - the checkpoint
 * @param signal - stops the command
 * @returns the score
 * @throws Error where the command fails, or prints no number last but one that is not finite
 */
export async function judge(command: string, path: string, signal: AbortSignal): Promise<number> {
  const quoted = quotedForShell(path);
  const line = command.includes('{}')
    ? command.replaceAll('{}', () => quoted)
    : `${command} ${quoted}`;
  signal.throwIfAborted();
  const output = await outputOf(line, signal);
  const score = scoreOf(output);
  if (score !== undefined && Number.isFinite(score)) return score;
  throw new Error(
    score === undefined
      ? `${line} printed no number. It must print the score on standard output, last.`
      : `${line} gave the score ${score}, expected a finite number.`,
  );
}

/** The last number in a text: `accuracy: 0.93 (top 5)` gives 5. */
export function scoreOf(text: string): number | undefined {
  const last = text.match(NUMBER)?.at(-1)?.toLowerCase();
  if (last === undefined) return undefined;
  return Number(last.replace(/inf(?:inity)?$/u, 'Infinity'));
}

function outputOf(line: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what the shell has started ends with it.
    const detached = process.platform !== 'win32';
    const child = spawn(line, { shell: true, detached, stdio: ['ignore', 'pipe', 'inherit'] });
    const stop = (): void => {
      if (detached && child.pid !== undefined) process.kill(-child.pid);
      else child.kill();
    };
    signal.addEventListener('abort', stop, { once: true });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT);
    });
    child.on('error', reject);
    child.on('close', (code, end) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(signal.reason as Error);
      else if (code === 0) resolve(output);
      else reject(new Error(`${line} ended with ${code === null ? end : `exit code ${code}`}.`));
    });
  });
}

function quotedForShell(path: string): string {
  if (process.platform === 'win32') return `"${path}"`;
  return `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
