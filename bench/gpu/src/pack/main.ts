// `pnpm bench:gpu:pack`: one archive of the bench and of all that it runs on, for Linux on x64.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { copyPackages } from './packages.js';

/** The most that may be carried to the machines with a GPU. */
const MOST_MIB = 64;

const NAME = 'polyak-bench-gpu';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const folder = `${dist}/${NAME}`;
rmSync(dist, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

await build({
  entryPoints: { bench: fileURLToPath(new URL('../main.ts', import.meta.url)) },
  outdir: folder,
  bundle: true,
  // A runtime is loaded in its own process only.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['@polyak/source'],
  external: ['onnxruntime-node', 'webgpu', 'gl'],
  // CommonJS packages require modules of Node.
  banner: {
    js:
      "import { createRequire as requireOf } from 'node:module';\n" +
      'const require = requireOf(import.meta.url);',
  },
  logLevel: 'warning',
});
writeFileSync(`${folder}/package.json`, '{ "type": "module" }\n');
copyFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), `${folder}/README.md`);
copyPackages(`${folder}/node_modules`);
copyLoader(`${folder}/lib`);

const archive = `${dist}/${NAME}.tar.gz`;
execFileSync('tar', ['-czf', archive, '-C', dist, NAME]);
const mib = statSync(archive).size / 2 ** 20;
console.log(`${archive}: ${mib.toFixed(1)} MiB, at most ${MOST_MIB}`);
if (mib > MOST_MIB) throw new Error('The archive is too large to be carried.');

/** Vulkan's loader, if this machine has it: those with a driver often lack it. */
function copyLoader(target: string): void {
  const known = execFileSync('ldconfig', ['-p'], { encoding: 'utf8' });
  const [, path] = /libvulkan\.so\.1 \(.*x86-64.*\) => (.*)/u.exec(known) ?? [];
  if (path === undefined) {
    console.warn(
      'Without libvulkan.so.1, which is not installed here: apt-get install libvulkan1.',
    );
    return;
  }
  mkdirSync(target, { recursive: true });
  copyFileSync(realpathSync(path), `${target}/libvulkan.so.1`);
}
