// Runs the command from its sources, in the folder that pnpm was called in, with its exit code.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const flags = ['--conditions=@polyak/source', '--import', import.meta.resolve('tsx')];
// An interruption reaches the command too, which ends in its own time.
process.on('SIGINT', () => undefined);
const { status } = spawnSync(process.execPath, [...flags, main, ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
