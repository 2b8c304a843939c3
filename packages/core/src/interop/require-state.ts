// The form of a state that JavaScript passes, which may have been read from any file.
import { requireMembers } from '../arguments.js';
import { PolyakError } from '../error.js';
import { canonical, flawOf } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';

/**
 * Throws unless `state` has the form of what `stateDict` gives; what its tensors are is not looked
 * at.
 *
 * @param subject - of the message: `adaptState: the state`
 */
export function requireState(subject: string, state: unknown): void {
  const remedy = 'Expected what stateDict() gives.';
  requireMembers(subject, state, { averages: 'an object', paramGroups: 'an array' }, remedy);
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
    requireMembers(`${subject}: its average "${name}"`, average, members, remedy);
    const { window } = average as { readonly window: readonly unknown[] };
    const values = Object.keys(window).map((place) => [place, 'an object'] as const);
    const whole = `${subject}: the window of "${name}"`;
    requireMembers(whole, Object.fromEntries(window.entries()), Object.fromEntries(values), remedy);
  }
  paramGroups.forEach((group, index) => {
    const members = { params: 'an array', tied: 'an object' } as const;
    requireMembers(`${subject}: its parameter group ${index}`, group, members, remedy);
  });
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
