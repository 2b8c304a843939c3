// All parameters are set, or none is.
import { cell, swapAll } from '@polyak/core/kit';
import type { Cell, SwapOperations } from '@polyak/core/kit';
import type { Parameter } from '@polyak/core/interfaces';
import { expect, it } from 'vitest';

interface Box {
  readonly value: number;
}

function operations(): { readonly live: Set<Box>; readonly swap: SwapOperations<Box> } {
  const live = new Set<Box>();
  return {
    live,
    swap: {
      hold: (tensors) =>
        tensors.map(({ value }) => {
          const copy = { value };
          live.add(copy);
          return copy;
        }),
      dispose: (tensors) => {
        for (const tensor of tensors) live.delete(tensor);
      },
    },
  };
}

function box(name: string, value: number): Cell<Box> {
  return cell<Box>(name, { value }, { take: (tensor) => ({ ...tensor }), drop: () => {} });
}

/** `parameter`, whose `set` runs `before` first. */
function watched(parameter: Cell<Box>, before: () => void): Parameter<Box> {
  return {
    ...parameter,
    identity: parameter,
    set(tensor: Box) {
      before();
      parameter.set(tensor);
    },
  };
}

it('gives contents and returns what was held, at once where nothing waits', () => {
  const { swap } = operations();
  const cells = [box('a', 1), box('b', 2)];
  const tensors = [{ value: 10 }, { value: 20 }];
  expect(swapAll(swap, cells, tensors)).toEqual([{ value: 1 }, { value: 2 }]);
  expect(cells.map((parameter) => parameter.get())).toEqual(tensors);
});

it('waits for each set before the next', async () => {
  const { swap } = operations();
  const order: string[] = [];
  const slow: Parameter<Box> = {
    ...box('slow', 1),
    set: async () => {
      await Promise.resolve();
      order.push('slow');
    },
  };
  const fast = watched(box('fast', 2), () => order.push('fast'));
  await swapAll(swap, [slow, fast], [{ value: 10 }, { value: 20 }]);
  expect(order).toEqual(['slow', 'fast']);
});

it('sets back those that were reached, and frees what it made', () => {
  const { live, swap } = operations();
  const [first, second, third] = [box('a', 1), box('b', 2), box('c', 3)];
  let calls = 0;
  const failing = watched(second, () => {
    calls += 1;
    if (calls === 1) throw new Error('refused');
  });
  const tensors = [{ value: 10 }, { value: 20 }, { value: 30 }];
  expect(() => swapAll(swap, [first, failing, third], tensors)).toThrow(new Error('refused'));
  expect([first, second, third].map((parameter) => parameter.get().value)).toEqual([1, 2, 3]);
  expect([calls, live.size]).toEqual([2, 0]);
});

it('reports every failure where one cannot be set back', async () => {
  const { live, swap } = operations();
  let calls = 0;
  const once = watched(box('once', 1), () => {
    calls += 1;
    if (calls > 1) throw new Error('only once');
  });
  const never: Parameter<Box> = {
    ...box('never', 2),
    set: () => Promise.reject(new Error('refused')),
  };
  const error: unknown = await Promise.resolve(
    swapAll(swap, [once, never], [{ value: 10 }, { value: 20 }]),
  ).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AggregateError);
  expect(error).toMatchObject({
    errors: [{ message: 'refused' }, { message: 'refused' }, { message: 'only once' }],
    message:
      'swap: a parameter could not be set (Error: refused), and then "never", "once" could not ' +
      'be set back. Set these parameters again.',
    cause: { message: 'refused' },
  });
  expect(live.size).toBe(0);
});

it('reports copies that could not be freed', () => {
  const { swap } = operations();
  const first = box('a', 1);
  let isFirst = true;
  const failing = watched(first, () => {
    if (isFirst) {
      isFirst = false;
      throw new Error('refused');
    }
  });
  const broken: SwapOperations<Box> = {
    ...swap,
    dispose: () => {
      throw new Error('device lost');
    },
  };
  expect(() => swapAll(broken, [failing], [{ value: 10 }])).toThrow(
    expect.objectContaining({
      name: 'AggregateError',
      errors: [new Error('refused'), new Error('device lost')],
      message:
        'swap: a parameter could not be set (Error: refused), and then copies could not be freed.',
    }),
  );
  expect(first.get().value).toBe(1);
});

it('changes nothing where what is held cannot be read', () => {
  const { swap } = operations();
  const first = box('a', 1);
  const failing: SwapOperations<Box> = {
    ...swap,
    hold: () => {
      throw new Error('no memory');
    },
  };
  expect(() => swapAll(failing, [first], [{ value: 10 }])).toThrow('no memory');
  expect(first.get().value).toBe(1);
});
