// One parameter and a SWAG of it, for the tests of SWAG.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { SWAG } from '@polyak/ensemble';
import { fill, weights } from '../../../../tests/support/sgd.js';

export const backend = cpuBackend();

export interface Run {
  readonly cell: Parameter<HostTensor>;
  readonly swag: SWAG<HostTensor>;
}

export function start(): Run {
  const cell = weights('w', [2]);
  return { cell, swag: new SWAG([cell], { backend, rank: 3 }) };
}

export async function visit({ cell, swag }: Run, ...values: readonly number[]): Promise<void> {
  for (const value of values) {
    fill(cell, value);
    await swag.collect();
  }
}
