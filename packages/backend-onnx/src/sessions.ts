// One session for each kernel, made when it is first needed, on one execution provider and nowhere
// else.
import { PolyakError } from '@polyak/core';
import type { InferenceSession } from 'onnxruntime-node';
import { kernelModel } from './averaging/kernel-graph.js';
import type { Kernel } from './averaging/kernel-graph.js';
import type { Ort } from './ort.js';

/** An execution provider of ONNX Runtime, by its own name. */
export type ExecutionProvider = 'cpu' | 'webgpu' | 'cuda';

/** Where outputs go. */
export type Target = 'cpu' | 'gpu-buffer';

/** The sessions of one backend. */
export interface Sessions {
  /** The session of `kernel` for `copies` tensors, its outputs at `target`. */
  get(kernel: Kernel, copies: number, target: Target): Promise<InferenceSession>;
  /** How many there are. */
  readonly count: number;
  /** Refuses `call` after {@link Sessions.release}. */
  requireOpen(call: string): void;
  /** Releases all. Later calls are refused. */
  release(): Promise<void>;
}

/**
 * Sessions on one provider. A graph that it cannot run as a whole is an error there, never a quiet
 * run on the CPU.
 *
 * @param ort - the runtime
 * @param provider - where they run
 */
export function sessionsOf(ort: Ort, provider: ExecutionProvider): Sessions {
  const made = new Map<string, Promise<InferenceSession>>();
  let isOpen = true;

  function requireOpen(call: string): void {
    if (!isOpen)
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: this ONNX backend was released. Make a new one.`,
      );
  }

  return {
    requireOpen,
    get count() {
      return made.size;
    },
    async get(kernel, copies, target) {
      requireOpen(kernel.name);
      const key = `${kernel.name} x${copies} ${target}`;
      const known = made.get(key);
      if (known !== undefined) return known;
      const session = ort.InferenceSession.create(
        kernelModel(kernel, copies),
        optionsOf(provider, target),
      );
      made.set(key, session);
      // A session that could not be made is tried again by the next call.
      session.catch(() => made.delete(key));
      return session;
    },
    async release() {
      isOpen = false;
      const all = await Promise.allSettled(made.values());
      made.clear();
      for (const session of all) if (session.status === 'fulfilled') await session.value.release();
    },
  };
}

function optionsOf(provider: ExecutionProvider, target: Target): InferenceSession.SessionOptions {
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider],
    // An optimizer could rewrite (a + d) - a as d.
    graphOptimizationLevel: 'disabled',
    // What goes wrong is thrown; ORT would print it as well.
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  };
  if (provider === 'cpu') return options;
  return {
    ...options,
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    ...(target === 'gpu-buffer' && { preferredOutputLocation: target }),
  };
}
