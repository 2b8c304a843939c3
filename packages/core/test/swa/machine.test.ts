// The state machine of SWA: what a step does, and what it leaves alone.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { driveSync, SWAMachine } from '@polyak/core/machine';
import { describe, expect, it } from 'vitest';
import { sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

describe('a step without an average', () => {
  it('leaves a rate alone that is read-only, also where the closure throws', async () => {
    const group = {
      params: [weights('w', [2])],
      get lr(): number {
        return 0.3;
      },
    };
    const swa = new SWA({ ...sgd([]), paramGroups: [group] }, { backend });
    const failing = swa.step(() => {
      throw new RangeError('out of data');
    });
    await expect(failing).rejects.toBeInstanceOf(RangeError);
    expect(swa.paramGroups[0]).toMatchObject({ stepCounter: 0, lr: 0.3 });
  });

  it('looks at no parameter', async () => {
    const cells = [weights('w', [2])];
    let reads = 0;
    const group = {
      lr: 0.1,
      get params() {
        reads += 1;
        return cells;
      },
    };
    const swa = new SWA({ ...sgd([]), paramGroups: [group] }, { backend, swaStart: 2, swaFreq: 1 });
    reads = 0;
    await swa.step();
    await swa.step();
    expect(reads).toBe(0);
    await swa.step();
    expect(reads).toBeGreaterThan(0);
  });
});

describe('a group that is added with its counters', () => {
  it('goes on from its steps and averages', () => {
    const machine = new SWAMachine(sgd([{ params: [weights('a', [2])], lr: 0.1 }]), { backend });
    const [average] = backend.upload([
      { dtype: 'float32', shape: [2], data: Float32Array.of(3, 5) },
    ]);
    const running = [{ nAvg: 4, averages: [{ average: average as HostTensor }], window: [] }];
    const group = { params: [weights('b', [2], 2)], lr: 0.2 };
    const { averages } = machine;
    const adding = averages.alone('addParamGroup', (current) =>
      machine.addParamGroup(current, group, { stepCounter: 7, running }),
    );
    driveSync('addParamGroup', adding);
    const saving = averages.alone('stateDict', (current) => machine.state(current, 'copies'));
    const state = driveSync('stateDict', saving);
    expect(state.paramGroups.map(({ stepCounter }) => stepCounter)).toEqual([0, 7]);
    expect(state.averages['swa']).toMatchObject({
      nAvg: [0, 4],
      swaState: { b: { data: Float32Array.of(3, 5) } },
    });
  });
});
