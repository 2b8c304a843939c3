// What a call has done is undone if it fails later, also what a part of it did that succeeded.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { driveSync, SWAMachine } from '@polyak/core/machine';
import { expect, it } from 'vitest';
import { sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function machineOf(): SWAMachine<HostTensor> {
  return new SWAMachine(sgd([{ params: [weights('w', [2])], lr: 0.1 }]), { backend });
}

it('frees the averages of an update where the call fails after it', () => {
  const machine = machineOf();
  const before = backend.memory();
  const late = machine.averages.alone('save', function* (current) {
    yield* machine.update(current, machine.groups);
    throw new Error('disk full');
  });
  expect(() => driveSync('save', late)).toThrow('disk full');
  expect(machine.groups[0]?.nAvg).toBe(0);
  expect(backend.memory()).toEqual(before);
});

it('undoes all in reverse, and reports the failure with each undo that failed', () => {
  const fail = (what: string) => () => {
    throw new Error(what);
  };
  const calls: string[] = [];
  const machine = machineOf();
  const failing = machine.averages.alone('save', function* (current) {
    yield* machine.update(current, machine.groups);
    current.undo(fail('no memory'));
    current.undo(() => void calls.push('undone'));
    current.undo(fail('device lost'));
    throw new Error('disk full');
  });
  expect(() => driveSync('save', failing)).toThrow(
    expect.objectContaining({
      name: 'AggregateError',
      message:
        'save: failed (Error: disk full), and then could not undo all that it had done ' +
        '(Error: device lost; Error: no memory).',
      errors: [new Error('disk full'), new Error('device lost'), new Error('no memory')],
      cause: new Error('disk full'),
    }),
  );
  expect(calls).toEqual(['undone']);
});
