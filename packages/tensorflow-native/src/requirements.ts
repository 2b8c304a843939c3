// Checks the tools that the build needs before it begins. The error lists all that are missing.
import process from 'node:process';
import { Failure } from './failure.js';
import { answers } from './run.js';

/** The tools to look for. */
export interface Requirements {
  /** The C++ compiler. */
  readonly compiler: string;
  /** Its pip fetches TensorFlow; absent where TensorFlow is installed. */
  readonly python?: string;
  /** Default that of this machine. */
  readonly platform?: NodeJS.Platform;
}

/**
 * Looks for Python, pip, npm and a compiler.
 *
 * @throws Failure with a line for each that is missing
 */
export function requireTools({
  compiler,
  python,
  platform = process.platform,
}: Requirements): void {
  if (platform !== 'linux') {
    throw new Failure(
      `TensorFlow's addon can be built on Linux only, found ${platform}. On Windows use WSL 2; ` +
        'elsewhere @tensorflow/tfjs with @tensorflow/tfjs-backend-wasm needs no addon.',
    );
  }
  const missing = [
    ...(python === undefined ? [] : missingOfPython(python)),
    ...(answers('npm', ['--version'])
      ? []
      : ['npm is missing. It comes with Node: put it on PATH.']),
    ...(answers(compiler, ['--version'])
      ? []
      : [
          `The C++ compiler ${compiler} is missing. Install one (Debian: apt-get install g++), ` +
            'or name one in CXX.',
        ]),
  ];
  if (missing.length > 0) throw new Failure(missing.join('\n'));
}

function missingOfPython(python: string): readonly string[] {
  if (!answers(python, ['--version'])) {
    return [
      `${python} is missing. Install Python (Debian: apt-get install python3-pip), or name one ` +
        'with --python.',
    ];
  }
  if (!answers(python, ['-m', 'pip', '--version'])) {
    return [
      `${python} has no pip. Install it (Debian: apt-get install python3-pip), or name another ` +
        'Python with --python.',
    ];
  }
  return [];
}
