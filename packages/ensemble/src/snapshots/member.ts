// One member of an ensemble, wherever it is kept.
import type { NamedTensors, WithWeightsOptions } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';

/** The weights of one member. What is done with its copies does not change it. */
export interface Member {
  /** A copy on the host, half precision as float32. */
  read(): Promise<NamedTensors>;
  /** Runs `fn` with the weights in the model, and puts back what the model held. */
  runWith<R, Batch>(fn: () => Awaitable<R>, options: WithWeightsOptions<Batch>): Promise<R>;
  /** Removes it from where it is kept; where that fails, it is still there. */
  remove(): Awaitable<void>;
  /** Frees what it takes in memory; a file stays. */
  release(): Awaitable<void>;
}

/** A place where members are kept. */
export interface MemberStore {
  /** Those that it holds already, the oldest first. */
  readonly earlier: readonly Member[];
  /** Makes a member of what the model holds now, or keeps nothing and throws. */
  take(): Promise<Member>;
}
