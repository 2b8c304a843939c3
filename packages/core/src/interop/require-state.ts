// The form of a state that JavaScript passes, which may have been read from any file.
import { requireArray, requireMembers } from '../arguments.js';
import { PolyakError } from '../error.js';
import { canonical, flawOf } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';

const REMEDY = 'Expected what stateDict() gives.';

/**
 * Throws unless `state` has the form of what `stateDict` gives; what its tensors are is not looked
 * at.
 *
 * @param subject - of the message: `adaptState: the state`
 */
export function requireState(subject: string, state: unknown): void {
  requireMembers(subject, state, { averages: 'an object', paramGroups: 'an array' }, REMEDY);
  const { averages, paramGroups } = state as {
    readonly averages: object;
    readonly paramGroups: readonly unknown[];
  };
  for (const [name, average] of Object.entries(averages)) {
    const members = {
      nAvg: 'an array',
      swaState: 'an object',
      residuals: 'an object',
      window: 'an array',
    } as const;
    const place = `${subject}: its average "${name}"`;
    requireMembers(place, average, members, REMEDY);
    const { nAvg, window } = average as Record<'nAvg' | 'window', readonly unknown[]>;
    requireAll(`${place}: nAvg`, nAvg, 'a number');
    requireAll(`${place}: window`, window, 'an object');
  }
  paramGroups.forEach((group, index) => {
    const members = { params: 'an array', tied: 'an object' } as const;
    const place = `${subject}: its parameter group ${index}`;
    requireMembers(place, group, members, REMEDY);
    const { params, tied } = group as {
      readonly params: readonly unknown[];
      readonly tied: object;
    };
    requireAll(`${place}: params`, params, 'a name');
    requireAll(`${place}: tied`, Object.values(tied), 'a name');
  });
}

/** Throws unless `list` is one whose members are all `expected`. */
export function requireAll(
  subject: string,
  list: readonly unknown[],
  expected: 'a name' | 'a number' | 'an object',
): void {
  requireArray(`${subject} is`, list, REMEDY);
  const members = Object.fromEntries(list.map((_, place) => [place, expected] as const));
  requireMembers(subject, Object.fromEntries(list.entries()), members, REMEDY);
}

/** Throws unless each value of `record` is a tensor: one that lies about its shape is refused. */
export function requireTensors(subject: string, record: object): void {
  for (const [name, tensor] of Object.entries(record)) {
    const members = { dtype: 'a name', shape: 'an array', data: 'an object' } as const;
    const remedy = 'Expected a tensor, { dtype, shape, data }.';
    requireMembers(`${subject} "${name}"`, tensor, members, remedy);
    const flaw = flawOf(canonical(tensor as HostTensor));
    if (flaw !== undefined) throw new PolyakError('ERR_STATE', `${subject} "${name}" ${flaw}.`);
  }
}
