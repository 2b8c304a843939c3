// A state is copied once, whatever it is made of.
import { isTensor, readState, recordOf } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import type { StateTree } from '@polyak/core';
import { expect, it } from 'vitest';

const weight: HostTensor = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };

function nested(levels: number, wrap: (inner: StateTree) => StateTree): StateTree {
  let state: StateTree = null;
  for (let level = 0; level < levels; level += 1) state = wrap(state);
  return state;
}

it('copies lists and records, and shares the arrays of tensors', () => {
  const state = { list: [1, 'a', null, true], w: weight };
  const copy = readState('load', state) as typeof state;
  expect(copy).toEqual(state);
  expect([copy === state, copy.list === state.list, copy.w === weight]).toEqual(
    Array(3).fill(false),
  );
  expect(copy.w.data).toBe(weight.data);
});

it('reads each member once', () => {
  let reads = 0;
  const copy = readState('load', {
    get nAvg() {
      reads += 1;
      return reads;
    },
  });
  expect([copy, copy, reads]).toEqual([{ nAvg: 1 }, { nAvg: 1 }, 1]);
});

it('copies what is in several places once', () => {
  const shared = { a: 1 };
  const [first, second] = readState('load', [shared, shared]) as readonly StateTree[];
  expect(first).toEqual(shared);
  expect(first).toBe(second);
});

it.each<[string, (inner: StateTree) => StateTree]>([
  ['lists', (inner) => [inner]],
  ['records', (inner) => ({ inner })],
])('takes 257 nested %s and no more', (_what, wrap) => {
  expect(readState('load', nested(257, wrap))).toEqual(nested(257, wrap));
  expect(() => readState('load', nested(258, wrap))).toThrow(
    expect.objectContaining({
      code: 'ERR_STATE',
      message: 'load: this is not plain data: it is nested deeper than 256.',
    }),
  );
});

it('refuses a state that holds itself, and a list with holes', () => {
  const cycle: { [key: string]: StateTree } = {};
  cycle['a'] = [cycle];
  expect(() => readState('load', cycle)).toThrow('nested deeper than 256');
  const holes: StateTree[] = [1];
  holes.length = 4e9;
  expect(() => readState('load', { holes })).toThrow(
    expect.objectContaining({
      code: 'ERR_STATE',
      message: 'load: this is not plain data: a list has holes.',
    }),
  );
});

it('tells tensors from records, lists and null', () => {
  const nodes: readonly StateTree[] = [weight, { data: [1] }, [weight], null, 1, { a: weight }];
  expect(nodes.map(isTensor)).toEqual([true, false, false, false, false, false]);
  expect(nodes.map(recordOf)).toEqual([{}, { data: [1] }, {}, {}, {}, { a: weight }]);
});
