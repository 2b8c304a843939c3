// The sessions of the provider webgpu: one for each kernel, made when first needed.
import { PolyakError } from '@polyak/core';
import type { InferenceSession } from 'onnxruntime-node';
import type { Ort } from '../ort.js';
import { kernelModel, prefixOf, STATUSES } from './kernel-graph.js';
import type { Kernel } from './kernel-graph.js';

/** Where outputs go. Statuses always go to the host. */
export type Target = 'cpu' | 'gpu-buffer';

/** The sessions of one backend. */
export interface Sessions {
  /** The session of `kernel` for `copies` tensors, with outputs at `target`. */
  get(kernel: Kernel, copies: number, target: Target): Promise<InferenceSession>;
  /** The number of sessions. */
  readonly count: number;
  /** Throws after {@link Sessions.release}. */
  requireOpen(call: string): void;
  /** Releases all sessions. */
  release(): Promise<void>;
}

/**
 * Makes sessions on webgpu. A graph that webgpu cannot run completely is an error; by default ORT
 * would run parts of it on the CPU.
 *
 * @param ort - the runtime
 */
export function sessionsOf(ort: Ort): Sessions {
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
        optionsOf(kernel, copies, target),
      );
      made.set(key, session);
      // The next call tries again.
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

function optionsOf(
  { outputs, status }: Kernel,
  copies: number,
  target: Target,
): InferenceSession.SessionOptions {
  const located = Array.from({ length: copies }, (_, n) =>
    outputs.map(([name]) => [prefixOf(n) + name, target] as const),
  ).flat();
  return {
    executionProviders: ['webgpu'],
    // An optimizer could rewrite (a + d) - a as d.
    graphOptimizationLevel: 'disabled',
    // Errors are thrown. ORT would also print them.
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    ...(target === 'gpu-buffer' && {
      preferredOutputLocation: {
        ...Object.fromEntries(located),
        ...(status !== undefined && { [STATUSES]: 'cpu' }),
      },
    }),
  };
}
