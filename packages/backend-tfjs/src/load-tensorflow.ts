// Loads the fastest TensorFlow.js that is installed and works, and reports why faster ones do not.
import { PolyakError } from '@polyak/core';
import { requireFunction, requireOptions } from '@polyak/core/kit';
import { importNative, restoreUtil } from './native-packages.js';
import type { TensorFlowWithLayers } from './tensorflow.js';

/**
 * What {@link loadTensorFlow} can load, fastest first:
 *
 * - `tfjs-node-gpu`, `tfjs-node`: native TensorFlow (`@tensorflow/tfjs-node-gpu`,
 *   `@tensorflow/tfjs-node`), installed, or built by `polyak-tensorflow-native` in the current
 *   directory or in one above it
 * - `wasm`: WebAssembly (`@tensorflow/tfjs` with `@tensorflow/tfjs-backend-wasm`)
 * - `cpu`: plain JavaScript (`@tensorflow/tfjs`)
 */
export type TensorFlowBackend = 'tfjs-node-gpu' | 'tfjs-node' | 'wasm' | 'cpu';

/** Options of {@link loadTensorFlow}. */
export interface LoadTensorFlowOptions {
  /** The backends to try, in this order. Default all, fastest first. */
  readonly backends?: readonly TensorFlowBackend[];
  /** Receives one line that says what runs and why nothing faster does. */
  readonly onReport?: (line: string) => void;
  /**
   * Imports a package. Default this package's own `import`, which finds what your project installs,
   * and what was built.
   */
  readonly importModule?: (name: string) => Promise<unknown>;
}

/** A backend that does not work here. */
export interface SkippedBackend {
  /** The backend. */
  readonly name: TensorFlowBackend;
  /** The reason and the remedy. */
  readonly reason: string;
}

/** What {@link loadTensorFlow} found. */
export interface LoadedTensorFlow {
  /** TensorFlow.js, the backend active. */
  readonly tf: TensorFlowWithLayers;
  /** The backend that runs. */
  readonly backend: TensorFlowBackend;
  /** As `tfjsBackend(tf).name` will be, such as `tfjs:wasm`. */
  readonly name: string;
  /** The backends tried before it. */
  readonly skipped: readonly SkippedBackend[];
}

interface Source {
  /** The package that exports tfjs. */
  readonly tfjs: string;
  /** A package to import beside it. */
  readonly beside?: string;
  readonly backend: string;
  /** How to have it where it cannot be loaded. */
  readonly remedy?: string;
}

const NATIVE = {
  backend: 'tensorflow',
  remedy: 'npx @polyak/tensorflow-native builds it',
} as const;

const SOURCES: Readonly<Record<TensorFlowBackend, Source>> = {
  'tfjs-node-gpu': { tfjs: '@tensorflow/tfjs-node-gpu', ...NATIVE },
  'tfjs-node': { tfjs: '@tensorflow/tfjs-node', ...NATIVE },
  wasm: { tfjs: '@tensorflow/tfjs', beside: '@tensorflow/tfjs-backend-wasm', backend: 'wasm' },
  cpu: { tfjs: '@tensorflow/tfjs', backend: 'cpu' },
};

/**
 * Loads TensorFlow.js in Node: takes the first backend that is installed, becomes active and
 * computes. It runs on the `@tensorflow/tfjs` that your project imports, so that there is one copy.
 *
 * @param options - see {@link LoadTensorFlowOptions}. Name one backend to get that one or an error.
 * @returns the runtime, and why the backends before were not taken
 * @throws TypeError, RangeError for options and backends that do not exist
 * @throws PolyakError `ERR_UNSUPPORTED` where none of the backends works, with every reason
 *
 * @example
 * ```ts
 * import { loadTensorFlow } from '@polyak/backend-tfjs';
 *
 * const { tf, name, skipped } = await loadTensorFlow({ backends: ['wasm', 'cpu'] });
 * console.log(name, skipped.length, tf.getBackend()); // tfjs:wasm 0 wasm
 * ```
 */
export async function loadTensorFlow(
  options: LoadTensorFlowOptions = {},
): Promise<LoadedTensorFlow> {
  const {
    backends = Object.keys(SOURCES) as TensorFlowBackend[],
    onReport,
    importModule = importPackage,
  } = requireOptions('loadTensorFlow', options, ['backends', 'onReport', 'importModule']);
  requireFunction('loadTensorFlow', 'importModule', importModule);
  if (onReport !== undefined) requireFunction('loadTensorFlow', 'onReport', onReport);
  const unknown = backends.find((backend) => !Object.hasOwn(SOURCES, backend));
  if (unknown !== undefined) {
    throw new RangeError(
      `loadTensorFlow: there is no backend "${unknown}", expected some of ` +
        `${Object.keys(SOURCES).join(', ')}. For others, import tfjs and call tf.setBackend.`,
    );
  }
  const skipped: SkippedBackend[] = [];
  for (const backend of backends) {
    try {
      const tf = await load(SOURCES[backend], importModule);
      const name = `tfjs:${tf.getBackend()}`;
      onReport?.([`${name} (${backend})`, ...skipped.map(sentence)].join('; '));
      return { tf, backend, name, skipped };
    } catch (error) {
      skipped.push({ name: backend, reason: reasonOf(error, SOURCES[backend]) });
    }
  }
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `loadTensorFlow: no backend works. ${skipped.map(sentence).join('; ')}.`,
  );
}

async function importPackage(name: string): Promise<unknown> {
  return name.startsWith('@tensorflow/tfjs-node') ? importNative(name) : import(name);
}

function sentence({ name, reason }: SkippedBackend): string {
  return `not ${name}: ${reason}`;
}

async function load(
  { tfjs, beside, backend }: Source,
  importModule: (name: string) => Promise<unknown>,
): Promise<TensorFlowWithLayers> {
  if (backend === NATIVE.backend) restoreUtil();
  const module = (await importModule(tfjs)) as { readonly default?: TensorFlowWithLayers };
  // tfjs is CommonJS, of which Node may not see all names: `default` has them all.
  const tf = module.default ?? (module as TensorFlowWithLayers);
  if (beside !== undefined) await importModule(beside);
  const isSet = await tf.setBackend(backend);
  // If the backend fails, tfjs falls back to another one.
  if (!isSet || tf.getBackend() !== backend) {
    throw new Error(`tf.setBackend('${backend}') failed, "${tf.getBackend()}" is active`);
  }
  const [sum] = tf.tidy(() => tf.add(tf.scalar(1), tf.scalar(1)).dataSync());
  if (sum !== 2) throw new Error(`it computes 1 + 1 = ${String(sum)}`);
  return tf;
}

function reasonOf(error: unknown, { tfjs, beside, remedy }: Source): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const packages = beside === undefined ? [tfjs] : [tfjs, beside];
  const missing = packages.find((name) => message.includes(`'${name}'`));
  if ((code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && missing !== undefined) {
    return [`${missing} is not installed`, ...(remedy === undefined ? [] : [remedy])].join(', ');
  }
  if (message.includes('tfjs_binding.node')) {
    return `${tfjs} is installed without its native addon, npx @polyak/tensorflow-native builds it`;
  }
  return message.trim().split('\n', 1)[0] ?? message;
}
