// Vulkan's loader, libvulkan.so.1. The archive carries one for machines that have only a driver.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Where the archive has it, beside bench.js. */
const CARRIED = fileURLToPath(new URL('lib', import.meta.url));

/** The environment of a process that uses Vulkan. */
export function environmentOf(): NodeJS.ProcessEnv {
  if (!existsSync(CARRIED) || libraries().includes('libvulkan.so.1')) return process.env;
  const { LD_LIBRARY_PATH: path } = process.env;
  return { ...process.env, LD_LIBRARY_PATH: path === undefined ? CARRIED : `${path}:${CARRIED}` };
}

/** What the dynamic linker knows, by name and path. */
function libraries(): string {
  try {
    return execFileSync('ldconfig', ['-p'], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
