// Embeddings that are broken on purpose, each in one way, and what must be said of them.
import type { CpuBackend } from '@polyak/backend-cpu';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';

/** What is checked. */
export interface Embedding {
  readonly parameters: readonly Parameter<HostTensor>[] | (() => readonly Parameter<HostTensor>[]);
  readonly predict: () => number[];
  /** What the network holds, which must be the same after the check. */
  readonly held: () => unknown;
}

/** One way to be wrong. */
export interface Broken {
  /** Continues "an embedding …". */
  readonly what: string;
  readonly message: string;
  readonly make: (backend: CpuBackend) => Embedding;
  /** Where the weights cannot come back. */
  readonly isLossy?: boolean;
}
