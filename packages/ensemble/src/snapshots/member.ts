// One member of an ensemble, wherever it is kept.
import type { NamedTensors, WithWeightsOptions } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';

/** The weights of one member, which never change. */
export interface Member {
  /** A copy on the host, half precision as float32. */
  read(): Promise<NamedTensors>;
  /** Runs `fn` with the weights in the model, and puts back what the model held. */
  runWith<R, Batch>(fn: () => Awaitable<R>, options: WithWeightsOptions<Batch>): Promise<R>;
  /** Removes it for good. Where that fails, it is still there. */
  remove(): Awaitable<void>;
  /** Frees its memory. A file stays. */
  release(): Awaitable<void>;
}

/** A place where members are kept. */
export interface MemberStore {
  /** The members of earlier runs, the oldest first. */
  readonly earlier: readonly Member[];
  /** Makes a member of the weights that the model holds now. Keeps nothing where it throws. */
  take(): Promise<Member>;
}
