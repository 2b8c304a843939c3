// TensorFlow's libraries and headers from its Python wheel. Python is used only for pip.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Failure } from './failure.js';
import { run } from './run.js';
import { makeWhole } from './whole-folder.js';

/** Which TensorFlow to take. */
export interface Wheel {
  /** With the libraries for CUDA, or without. */
  readonly device: 'cpu' | 'gpu';
  /** Such as `2.21.0`. */
  readonly version: string;
}

/**
 * The libraries that the addon links: the C API with the eager operations, and what it stands on.
 */
export const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/**
 * The libraries do not depend on Python, so any will do for which TensorFlow 2.12 to 2.21 has
 * wheels.
 */
const PYTHON_VERSION = '3.11';

/** What a wheel is called in messages and as a folder. */
export function wheelName({ device, version }: Wheel): string {
  return `tensorflow-${device}-${version}`;
}

/**
 * Installs a wheel by pip, unless it is there.
 *
 * @param folder - where to, a folder for each wheel
 * @param python - a Python with pip
 * @returns TensorFlow's folder
 */
export async function installWheel(folder: string, wheel: Wheel, python: string): Promise<string> {
  const { device, version } = wheel;
  const home = join(folder, wheelName(wheel));
  // The wheel for CUDA needs NVIDIA's libraries beside it, which are its dependencies; the other
  // needs none.
  const what =
    device === 'gpu'
      ? [`tensorflow[and-cuda]==${version}`]
      : ['--no-deps', `tensorflow-cpu==${version}`];
  await makeWhole(home, async (partial) => {
    // On the same disk, so that pip can move what it unpacked there.
    const scratch = join(partial, 'tmp');
    mkdirSync(scratch);
    const target = ['--target', partial, '--no-compile', '--disable-pip-version-check'];
    const platform = [
      '--only-binary=:all:',
      '--implementation=cp',
      `--python-version=${PYTHON_VERSION}`,
    ];
    await run(python, ['-m', 'pip', 'install', ...target, ...platform, ...what], {
      env: { TMPDIR: scratch, PIP_ROOT_USER_ACTION: 'ignore' },
      remedy:
        `Is there a TensorFlow ${version} for this machine? Choose another by --version, or an ` +
        'installed one by --tensorflow.',
    });
    rmSync(scratch, { recursive: true });
  });
  return requireTensorFlow(join(home, 'tensorflow'));
}

/**
 * Makes sure that a folder is the Python package `tensorflow`, with the libraries and headers that
 * the addon needs.
 *
 * @returns its absolute path
 * @throws Failure where it is not
 */
export function requireTensorFlow(folder: string): string {
  const missing = [...LIBRARIES, 'include/tensorflow/c/eager/c_api.h'].find(
    (name) => !existsSync(join(folder, name)),
  );
  if (missing === undefined) return resolve(folder);
  throw new Failure(
    `${folder} is not TensorFlow's folder: it lacks ${missing}. Pass the folder that python3 -c ` +
      "'import tensorflow; print(tensorflow.__path__[0])' prints.",
  );
}
