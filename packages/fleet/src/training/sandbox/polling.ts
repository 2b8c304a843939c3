// How a job in the sandbox learns that it is not needed any more.
import type { Store } from '../../store/store.js';
import type { TrainingModule } from '../module.js';

/** What jobs in the sandbox have at hand. */
export interface Sandbox {
  readonly store: Store;
  readonly module: TrainingModule;
  /** Aborted where BullMQ cancels the job. */
  readonly signal: AbortSignal;
  /** How often the store is asked whether to go on, in milliseconds. */
  readonly pollMs: number;
}

/** A signal that is aborted once `isOver`, which is asked again and again, says so. */
export function pollingSignal(
  { signal, pollMs }: Sandbox,
  isOver: () => Promise<boolean>,
): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  let isAsking = false;
  const ask = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    try {
      if (!(await isOver())) return;
      controller.abort(new Error('The round is closed, or its run was cancelled.'));
    } catch {
      // The store may answer next time; the job asks once more before it contributes.
    } finally {
      isAsking = false;
    }
  };
  const timer = setInterval(() => void ask(), pollMs);
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    stop: () => {
      clearInterval(timer);
    },
  };
}
