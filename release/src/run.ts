// Commands in other processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a command, whose errors are seen.
 *
 * @param command - its name and arguments
 * @param cwd - the folder it runs in
 * @param show - called with what it prints, as it does
 * @returns what it printed
 * @throws Error where it fails, with what it printed
 */
export async function run(
  command: readonly [string, ...string[]],
  cwd: string,
  show: (text: string) => void = () => undefined,
): Promise<string> {
  const [name, ...args] = command;
  const child = spawn(name, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    show(text);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`"${command.join(' ')}" failed with ${code}:\n${output}`);
  return output;
}
