// Conformance: an update is made as a whole, or nothing has changed.
import { formatSpec } from '../../tensor/tensor.js';
import type { HostTensor } from '../../tensor/tensor.js';
import {
  check,
  checkAlive,
  checkAveraged,
  checkSameBits,
  checkThrows,
  hostTensor,
  numbersOf,
  specsOf,
  values,
} from '../check.js';
import { dtypeOf, floatingDtypes, heldBy, parametersOf } from '../harness.js';
import type { BackendHarness, HarnessTest } from '../harness.js';
import { checkUntouched, disposeItems, itemsOf } from '../updates.js';
import type { HostItem } from '../updates.js';

interface Update {
  readonly live: readonly HostTensor[];
  readonly items: readonly HostItem[];
  /** The items whose new average is not finite. */
  readonly bad: readonly number[];
}

/** One bad element in some of the live tensors and in one average; residuals where there can be. */
function poisoned(
  { backend }: BackendHarness<unknown>,
  dtype: HostTensor['dtype'],
  value: number,
): Update {
  const places = [
    [[], 0],
    [[257], -1],
    [[257], 0],
    [[3, 5], 14],
    [[0], -1],
    [[257], 64],
    [[70_003], 70_002],
    [[7], -1],
  ] as const;
  const live = places.map(([shape, place], n) =>
    hostTensor(dtype, shape, (i) => (i === place ? value : values(n)(i))),
  );
  const items = live.map(({ shape }, n): HostItem => {
    // The last average is bad itself, and an item more has a bad live tensor that is shared.
    const isBad = n === live.length - 1;
    const average = hostTensor(dtype, shape, (i) => (isBad && i === 3 ? value : values(n + 9)(i)));
    const residual = hostTensor(dtype, shape, (i) => values(n)(i) * 1e-9);
    const isCompensated = backend.canCompensate && n % 2 === 0;
    return { average, live: n, weight: 0.25, ...(isCompensated ? { residual } : {}) };
  });
  const shared = { average: hostTensor(dtype, [3, 5], values(20)), live: 3, weight: 0.5 };
  // Their sum is infinite.
  const [large, more] = dtype === 'float64' ? [1e308, 1.1e308] : [3e38, 3.1e38];
  const finite = { average: hostTensor(dtype, [300], () => large), live: live.length, weight: 0.5 };
  live.push(hostTensor(dtype, [300], () => more));
  return { live, items: [...items, shared, finite], bad: [0, 2, 3, 5, 6, 7, 8] };
}

export const refusalTests: readonly HarnessTest[] = [
  {
    name: 'refuses an update that would not be finite, names its items and changes nothing',
    async run(harness) {
      const { backend } = harness;
      for (const dtype of floatingDtypes(backend)) {
        for (const value of [NaN, Infinity, -Infinity]) {
          const what = `average, ${dtype}, ${value}`;
          const { live, items, bad } = poisoned(harness, dtype, value);
          const lives = await backend.upload(live);
          const handles = await itemsOf(backend, items, lives);
          const start = await harness.liveTensors();
          const result = await backend.average(handles);
          check(result.kind === 'refused', `${what}, ${specsOf(live)}: made the update.`);
          check(
            result.nonFinite.join() === bad.join(),
            `${what}, ${specsOf(live)}: refused the items ${result.nonFinite.join()}, ` +
              `expected ${bad.join()}.`,
          );
          await checkAlive(harness, start, `${what}, ${specsOf(live)}: refused`);
          await checkUntouched(backend, handles, items, `${what}: refused`);
          checkSameBits(await backend.download(lives), live, `${what}: refused: the live tensors`);
          await disposeItems(backend, handles);
          await backend.dispose(lives);
        }
      }
    },
  },
  {
    name: 'makes it where that is allowed, and says which averages are finite',
    async run(harness) {
      const { backend } = harness;
      for (const dtype of floatingDtypes(backend)) {
        for (const value of [NaN, Infinity, -Infinity]) {
          const what = `average, ${dtype}, ${value}, allowNonFinite`;
          const { live, items, bad } = poisoned(harness, dtype, value);
          const start = await harness.liveTensors();
          const lives = await backend.upload(live);
          const handles = await itemsOf(backend, items, lives);
          const result = await backend.average(handles, { allowNonFinite: true });
          check(result.kind === 'averaged', `${what}, ${specsOf(live)}: refused the update.`);
          const found = await backend.download(result.items.map(({ average }) => average));
          result.items.forEach(({ isFinite }, index) => {
            const isBad = bad.includes(index);
            const which = `${what}: item ${index}, ${formatSpec(found[index] as HostTensor)}`;
            check(isFinite !== isBad, `${which}: isFinite is ${isFinite}.`);
            const isFound = Array.from(numbersOf(found[index] as HostTensor)).every(
              Number.isFinite,
            );
            check(isFound !== isBad, `${which}: holds other numbers than isFinite says.`);
          });
          await disposeItems(backend, result.items);
          await backend.dispose(lives);
          await checkAlive(harness, start, `${what}, ${specsOf(live)}, and dispose`);
        }
      }
    },
  },
  {
    name: 'makes an update that it refused once that is allowed, and refuses the next again',
    async run(harness) {
      const { backend } = harness;
      for (const dtype of floatingDtypes(backend)) {
        const { live, items, bad } = poisoned(harness, dtype, NaN);
        const lives = await backend.upload(live);
        const handles = await itemsOf(backend, items, lives);
        const what = `average of ${specsOf(live)}`;
        const first = await backend.average(handles);
        check(first.kind === 'refused', `${what}: made an update that is not finite.`);
        const second = await backend.average(handles, { allowNonFinite: true });
        check(second.kind === 'averaged', `${what}: refused, then allowNonFinite: refused.`);
        const found = await backend.download(second.items.map(({ average }) => average));
        items.forEach(({ average, weight, live: place, residual }, index) => {
          if (bad.includes(index) || residual !== undefined) return;
          const target = live[place] as HostTensor;
          const which = `average: item ${index} of an update that was refused before`;
          checkAveraged(found[index] as HostTensor, average, target, weight, which);
        });
        const next = second.items.map((item, index) => {
          const { live: target, weight } = handles[index] as (typeof handles)[0];
          return { ...item, live: target, weight };
        });
        const third = await backend.average(next);
        check(third.kind === 'refused', `${what}: not finite, after allowNonFinite: not refused.`);
        await disposeItems(backend, second.items);
        await backend.dispose(lives);
      }
    },
  },
  {
    name: 'throws for an item of which a tensor was disposed of, and changes nothing',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const start = await harness.liveTensors();
      const kinds = ['live', 'average', ...(backend.canCompensate ? ['residual'] : [])] as const;
      for (const kind of kinds as readonly ('live' | 'average' | 'residual')[]) {
        for (const place of [0, 1, 4]) {
          const live = Array.from({ length: 5 }, (_, n) => hostTensor(dtype, [5 + n], values(n)));
          const items = live.map(({ shape }, n): HostItem => {
            const residual = hostTensor(dtype, shape, (i) => i * 1e-9);
            const average = hostTensor(dtype, shape, values(n + 5));
            const item = { average, live: n, weight: 0.5 };
            return backend.canCompensate ? { ...item, residual } : item;
          });
          const lives = await backend.upload(live);
          const handles = await itemsOf(backend, items, lives);
          const what = `average of ${specsOf(live)}, the ${kind} of item ${place} disposed of`;
          const gone = handles[place]?.[kind];
          if (gone !== undefined) await backend.dispose([gone]);
          const before = await harness.liveTensors();
          await checkThrows(async () => backend.average(handles), what);
          await checkAlive(harness, before, what);
          const others = (_: unknown, n: number): boolean => n !== place;
          await checkUntouched(backend, handles.filter(others), items.filter(others), what);
          const left = handles.flatMap(({ live: each, average, residual }) => [
            each,
            average,
            ...(residual === undefined ? [] : [residual]),
          ]);
          await backend.dispose(left.filter((tensor) => tensor !== gone));
          await checkAlive(harness, start, `${what}, and dispose of the others`);
        }
      }
    },
  },
  {
    name: 'throws for a list with a tensor that was disposed of, and changes nothing',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const [live, tensors] = [5, 9].map((seed) =>
        [1, 2, 3].map((extent) => hostTensor(dtype, [extent], values(seed + extent))),
      ) as [HostTensor[], HostTensor[]];
      const parameters = await parametersOf(harness, live);
      const handles = await backend.upload(tensors);
      const [first, gone, last] = handles;
      check(gone !== undefined, `upload of ${specsOf(tensors)}: made nothing.`);
      await backend.dispose([gone]);
      const start = await harness.liveTensors();
      const calls: Record<string, () => unknown> = {
        download: async () => backend.download(handles),
        clone: async () => backend.clone(handles),
        allFinite: async () => backend.allFinite(handles),
        swap: async () => backend.swap(parameters, handles),
      };
      if (backend.cast !== undefined) {
        const dtypes = tensors.map(() => dtype);
        calls['cast'] = async () => backend.cast?.(handles, dtypes);
      }
      const left = [first, last] as (typeof gone)[];
      for (const [method, call] of Object.entries(calls)) {
        const what = `${method} of ${specsOf(tensors)}, the second disposed of`;
        await checkThrows(call, what);
        await checkAlive(harness, start, what);
        checkSameBits(
          await backend.download(left),
          [tensors[0], tensors[2]] as HostTensor[],
          `${what}: the others`,
        );
        checkSameBits(await heldBy(harness, parameters), live, `${what}: the parameters`);
      }
      await backend.dispose(left);
    },
  },
];
