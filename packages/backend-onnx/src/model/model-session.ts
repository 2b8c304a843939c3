// The session of a model. It is made once, runs with changing weights, and is released after its
// last run.
import { PolyakError } from '@polyak/core';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { bytesOf } from '../file/bytes.js';
import { feedable } from '../dtype.js';
import type { FedGraph } from './fed-graph.js';
import { modelError, textOf } from '../file/model-error.js';
import { modelBytes } from '../save/model-files.js';
import type { Ort } from '../ort.js';
import { encodeModel } from '../file/proto.js';
import type { ExecutionProvider } from '../ort.js';

/** Options of a session. */
export interface SessionOptions {
  /** Where the model runs, in order of preference. Default `['cpu']`. */
  readonly executionProviders?: readonly ExecutionProvider[];
  /** All other session options of ONNX Runtime. The log level is errors only by default. */
  readonly session?: Omit<InferenceSession.SessionOptions, 'executionProviders'>;
}

/** A session and its runs. */
export interface ModelSession {
  /** Runs the session once. */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /** Throws after {@link ModelSession.release}. */
  requireOpen(call: string): void;
  /** Releases the session after the last run has ended. */
  release(): Promise<void>;
}

/**
 * Makes the session of a model.
 *
 * @param ort - the runtime
 * @param fed - the graph and its weights
 * @param options - where and how it runs
 * @param label - what messages call the model
 * @returns the session; release it
 * @throws `PolyakError` `ERR_MODEL` where ONNX Runtime refuses the model
 */
export async function openSession(
  ort: Ort,
  fed: FedGraph,
  options: SessionOptions,
  label: string,
): Promise<ModelSession> {
  const providers = options.executionProviders ?? ['cpu'];
  const settings = {
    logSeverityLevel: 3,
    ...options.session,
    executionProviders: providers,
  } as const;
  const session = await createSession(ort, fed, settings, label);
  const running = new Set<Promise<unknown>>();
  let released: Promise<void> | undefined;

  function requireOpen(call: string): void {
    if (released !== undefined) {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: the model ${label} was released. Load it again.`,
      );
    }
  }

  return {
    requireOpen,
    async run(feeds) {
      requireOpen('run');
      const taken: Record<string, Tensor> = {};
      for (const [name, tensor] of Object.entries(feeds)) {
        requireReachable(name, tensor, providers);
        taken[name] = feedable(ort, tensor);
      }
      const result = session.run(taken);
      running.add(result);
      try {
        return Object.fromEntries(Object.entries(await result));
      } catch (cause) {
        throw modelError(label, `ONNX Runtime cannot run it (${textOf(cause)}).`, cause);
      } finally {
        running.delete(result);
      }
    },
    release() {
      released ??= Promise.allSettled(running).then(async () => session.release());
      return released;
    },
  };
}

async function createSession(
  ort: Ort,
  fed: FedGraph,
  settings: InferenceSession.SessionOptions,
  label: string,
): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(encodeModel(fed.proto), settings);
  } catch (cause) {
    const remedy = (await runsEmbedded(ort, fed, settings))
      ? ' It takes the model with embedded weights: name those that must be constant in the ' +
        'option `embed`.'
      : '';
    throw modelError(label, `ONNX Runtime refuses it (${textOf(cause)}).${remedy}`, cause);
  }
}

async function runsEmbedded(
  ort: Ort,
  { template, weights }: FedGraph,
  settings: InferenceSession.SessionOptions,
): Promise<boolean> {
  try {
    const data = new Map(
      [...weights].map(([name, { data: elements }]) => [name, bytesOf(elements)]),
    );
    const session = await ort.InferenceSession.create(modelBytes(template, data), settings);
    await session.release();
    return true;
  } catch {
    return false;
  }
}

// ONNX Runtime aborts the process when it is fed a tensor of another device.
function requireReachable(
  name: string,
  { location }: Tensor,
  providers: readonly ExecutionProvider[],
): void {
  if (location === 'none') {
    throw new PolyakError(
      'ERR_DISPOSED',
      `run: the tensor of "${name}" was disposed of. Set another one.`,
    );
  }
  const isReachable =
    location === 'cpu' ||
    location === 'cpu-pinned' ||
    (location === 'gpu-buffer' && providers.includes('webgpu'));
  if (isReachable) return;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `run: "${name}" has the location "${location}", expected one for ${providers.join(', ')}. ` +
      'Download it first.',
  );
}
