// A command as the judge of a checkpoint: the last line that it prints is the score.
import { spawn } from 'node:child_process';
import process from 'node:process';
import { stripVTControlCharacters } from 'node:util';

const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/iu;
const NOT_FINITE = /^[-+]?(?:nan|inf(?:inity)?)$/iu;
// What a judge prints before its score is of no use, and may be long.
const KEPT = 2 ** 16;
const SHOWN = 80;

/**
 * Runs `command` on a checkpoint.
 *
 * @param command - for the shell; the path replaces `{}`, or is appended where there is none
 * @param path - the checkpoint
 * @param signal - stops the command
 * @returns the score
 * @throws Error where the command fails, or its last line is not one finite number
 */
export async function judge(command: string, path: string, signal: AbortSignal): Promise<number> {
  const quoted = quotedForShell(path);
  const line = command.includes('{}')
    ? command.replaceAll('{}', () => quoted)
    : `${command} ${quoted}`;
  signal.throwIfAborted();
  const last = lastLineOf(await outputOf(line, signal));
  const score = scoreOf(last);
  if (score !== undefined) return score;
  if (NOT_FINITE.test(last)) {
    throw new Error(`${line} gave the score ${last}, expected a finite number.`);
  }
  const found = last === '' ? 'nothing' : `"${shortened(last)}" last`;
  throw new Error(
    `${line} printed ${found}. The last line of its standard output must be the score: one ` +
      'number and nothing else, such as 0.93.',
  );
}

/** The last line that is not blank, as a terminal shows it; empty where there is none. */
export function lastLineOf(text: string): string {
  const lines = stripVTControlCharacters(text)
    .split(/[\r\n]/u)
    .map((line) => line.trim());
  return lines.filter((line) => line !== '').at(-1) ?? '';
}

/** The number that a line is: undefined where it is anything else, or not finite. */
export function scoreOf(line: string): number | undefined {
  const score = NUMBER.test(line) ? Number(line) : NaN;
  return Number.isFinite(score) ? score : undefined;
}

function shortened(line: string): string {
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
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
