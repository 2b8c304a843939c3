// A pip, an npm and a compiler that do in milliseconds what the real ones do in minutes, so that
// tests can interrupt them. The real ones run in .ci/run.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

const HEAD = `#!/bin/sh
PATH=/usr/bin:/bin
case "$*" in *--version) exit 0;; esac
echo "$(basename "$0") $*" >> "$FAKE/calls"
# Stops halfway where the test says so.
halfway() {
  if [ "$FAKE_STOP" = "$(basename "$0")" ]; then touch "$1/half" "$FAKE/stopped"; sleep 3; fi
}
`;

const PYTHON = `${HEAD}
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/tensorflow/include/tensorflow/c/eager"
halfway "$2"
touch "$2/tensorflow/libtensorflow_cc.so.2" "$2/tensorflow/libtensorflow_framework.so.2"
touch "$2/tensorflow/include/tensorflow/c/eager/c_api.h"
exit "\${FAKE_PIP_CODE:-0}"
`;

const NPM = `${HEAD}
for name in tfjs-node-gpu tfjs-node; do
  mkdir -p node_modules/@tensorflow/$name
  halfway .
  cp "$FAKE/package.js" node_modules/@tensorflow/$name/index.js
  touch node_modules/@tensorflow/$name/package.json
  echo '{}' > node_modules/@tensorflow/$name/package.json
done
`;

const COMPILER = `${HEAD}
while [ "$1" != -o ]; do shift; done
echo half > "$2"
halfway "$(dirname "$2")"
echo whole > "$2"
`;

/** As much of tfjs-node as the check calls; it wants its addon whole. */
const TFJS = `
const { readFileSync } = require('node:fs');
const addon = readFileSync(__dirname + '/lib/napi-v8/tfjs_binding.node', 'utf8');
if (addon !== 'whole\\n') throw new Error('half an addon');
const product = (process.env.FAKE_PRODUCT ?? '7 10 15 22').split(' ');
const matrix = { matMul: () => ({ dataSync: () => product }) };
module.exports = {
  getBackend: () => 'tensorflow',
  backend: () => ({ isUsingGpuDevice: false, binding: { TF_Version: '2.21.0' } }),
  tensor2d: () => matrix,
  version: { tfjs: '4.22.0' },
};
`;

/** What a run of the tool came to. */
export interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly error: string;
}

/** A project with the fake tools. */
export class Workshop {
  /** The folder of the project. */
  readonly project: string = mkdtempSync(join(tmpdir(), 'polyak-native-'));
  readonly #tools = join(this.project, 'tools');

  constructor(tools: readonly ('python3' | 'npm' | 'c++')[] = ['python3', 'npm', 'c++']) {
    mkdirSync(this.#tools);
    writeFileSync(join(this.#tools, 'package.js'), TFJS);
    for (const name of tools) {
      const path = join(this.#tools, name);
      writeFileSync(path, { python3: PYTHON, npm: NPM, 'c++': COMPILER }[name]);
      chmodSync(path, 0o755);
    }
  }

  /** The programs that were run, in order, and forgotten with this call. */
  takeCalls(): readonly string[] {
    const path = join(this.#tools, 'calls');
    if (!existsSync(path)) return [];
    const calls = readFileSync(path, 'utf8').trim().split('\n');
    rmSync(path);
    return calls;
  }

  /** Runs the tool to its end. */
  async run(
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    const child = this.#start(args, env);
    let [output, error] = ['', ''];
    child.stdout?.on('data', (text) => (output += String(text)));
    child.stderr?.on('data', (text) => (error += String(text)));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output, error };
  }

  /** Runs the tool until one of its programs is halfway, and ends it then and there. */
  async kill(program: string): Promise<void> {
    const child = this.#start([], { FAKE_STOP: program });
    const stopped = join(this.#tools, 'stopped');
    while (!existsSync(stopped)) await new Promise((resolve) => setTimeout(resolve, 10));
    rmSync(stopped);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  #start(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    return spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', ...args], {
      cwd: PACKAGE,
      env: { INIT_CWD: this.project, PATH: this.#tools, FAKE: this.#tools, ...env },
    });
  }
}
