// Backends whose compensated averages are wrong.
import { numbers, withItems, withResults } from '../broken.js';
import type { Broken } from '../broken.js';

const FOLLOWS = 'compensated, follows decay 0.9999 to 1e-9 over 1,000 updates';
const MOVED = 'compensated, says of each item whether the live tensor differed from its average';

export const brokenCompensated: readonly Broken[] = [
  {
    what: 'drops the residual',
    test: FOLLOWS,
    backend: withResults((result) => {
      if (result.residual !== undefined) numbers(result.residual).fill(0);
      return result;
    }),
  },
  {
    what: 'has residuals of the first item only',
    test: FOLLOWS,
    backend: withResults((result, _, n) => {
      if (result.residual !== undefined && n > 0) numbers(result.residual).fill(0);
      return result;
    }),
  },
  {
    what: 'has residuals of the first 1,000 elements only',
    test: FOLLOWS,
    backend: withResults((result) => {
      if (result.residual !== undefined) numbers(result.residual).fill(0, 1000);
      return result;
    }),
  },
  {
    what: 'returns no residual',
    test: FOLLOWS,
    backend: withResults(({ average, isFinite, hasMoved }) => ({ average, isFinite, hasMoved })),
  },
  {
    what: 'forgets the old residuals',
    test: 'compensated, keeps as many tensors alive after ten updates as after one',
    backend: withItems((item) => {
      const { residual } = item;
      if (residual === undefined) return item;
      return { ...item, residual: { ...residual, data: numbers(residual).slice() } };
    }),
  },
  {
    what: 'averages items otherwise beside one with a residual',
    test: 'compensated, leaves the items without a residual of the same call as they would be',
    backend: (plain) => ({
      average(items, options) {
        const isMixed = items.some(({ residual }) => residual !== undefined);
        const made = plain.average(items, options);
        if (made.kind === 'averaged' && isMixed) {
          for (const { average } of made.items) numbers(average).forEach(nudge);
        }
        return made;
      },
    }),
  },
  {
    what: 'has no residual of the second item',
    test: FOLLOWS,
    backend: withResults((result, _, n) => {
      if (result.residual !== undefined && n === 1) numbers(result.residual).fill(0);
      return result;
    }),
  },
  {
    what: 'ignores the residual that it is given',
    test: FOLLOWS,
    backend: withItems((item) => {
      if (item.residual !== undefined) numbers(item.residual).fill(0);
      return item;
    }),
  },
  ...[true, false].map((hasMoved) => ({
    what: `says ${hasMoved} of every compensated average that is asked whether it moved`,
    test: MOVED,
    backend: withResults((result) =>
      result.residual === undefined ? result : { ...result, hasMoved },
    ),
  })),
  {
    what: 'exchanges the residuals of items of one shape',
    test: FOLLOWS,
    backend: (plain) => ({
      average(items, options) {
        const first = new Map<string, number>();
        const residuals = items.map(({ residual }) => residual);
        items.forEach(({ average, residual }, n) => {
          const spec = average.shape.join();
          const other = first.get(spec);
          first.set(spec, n);
          if (other === undefined || residual === undefined) return;
          [residuals[n], residuals[other]] = [residuals[other], residual];
        });
        const exchanged = items.map((item, n) => {
          const residual = residuals[n];
          return residual === undefined ? item : { ...item, residual };
        });
        return plain.average(exchanged, options);
      },
    }),
  },
];

function nudge(value: number, index: number, data: Float32Array): void {
  data[index] = value * (1 + 2 ** -23);
}
