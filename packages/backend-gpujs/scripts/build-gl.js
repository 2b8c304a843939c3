// Builds the package `gl`, with which gpu.js computes on headlessgl in Node:
// `npx -y pnpm@12 run build:gl`. It takes minutes and needs a C++ compiler, Python, pkg-config and
// libxi-dev, so the installation does not run it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';

const require = createRequire(createRequire(import.meta.url).resolve('gpu.js'));
const folder = dirname(require.resolve('gl/package.json'));
const product = join(folder, 'build', 'Release', 'webgl.node');

if (!existsSync(product)) {
  execFileSync('npm', ['run', 'install'], {
    cwd: folder,
    stdio: 'inherit',
    env: { ...process.env, JOBS: String(availableParallelism()), ...localHeaders() },
  });
}
// The build may fail without an error of its own.
require('gl');
console.log(`${product} is built. gpu.js needs an X display too: xvfb-run -a node …`);

/**
 * Where Node's headers are, if they came with the Node that runs: node-gyp downloads them
 * otherwise.
 */
function localHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const header = join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(header)) return {};
  const [, abi] = /^#define NODE_MODULE_VERSION (\d+)/mu.exec(readFileSync(header, 'utf8')) ?? [];
  return abi === process.versions.modules ? { npm_config_nodedir: prefix } : {};
}
