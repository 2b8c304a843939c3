// Conformance: an update is made as a whole, or nothing has changed.
import type { HostTensor } from '../../tensor/tensor.js';
import {
  check,
  checkAlive,
  checkAveraged,
  checkSameBits,
  checkThrows,
  hostTensor,
  numbersOf,
  values,
} from '../check.js';
import { floatingDtypes } from '../harness.js';
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
  return { live, items: [...items, shared], bad: [0, 2, 3, 5, 6, 7, 8] };
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
          check(result.kind === 'refused', `${what}: made the update.`);
          check(
            result.nonFinite.join() === bad.join(),
            `${what}: refused the items ${result.nonFinite.join()}, expected ${bad.join()}.`,
          );
          await checkAlive(harness, start, `${what}: refused`);
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
          const lives = await backend.upload(live);
          const handles = await itemsOf(backend, items, lives);
          const result = await backend.average(handles, { allowNonFinite: true });
          check(result.kind === 'averaged', `${what}: refused the update.`);
          const found = await backend.download(result.items.map(({ average }) => average));
          result.items.forEach(({ isFinite }, index) => {
            const isBad = bad.includes(index);
            check(isFinite !== isBad, `${what}: item ${index}: isFinite is ${isFinite}.`);
            const isFound = Array.from(numbersOf(found[index] as HostTensor)).every(
              Number.isFinite,
            );
            check(
              isFound !== isBad,
              `${what}: item ${index} holds other numbers than isFinite says.`,
            );
          });
          await disposeItems(backend, result.items);
          await backend.dispose(lives);
        }
      }
    },
  },
  {
    name: 'never makes an infinity of finite numbers: the average is right or refused',
    async run({ backend }) {
      const extremes = [3e38, -3e38, 3.4028234663852886e38, -3.4028234663852886e38, 1];
      const pairs = extremes.flatMap((a) => extremes.map((b) => [a, b] as const));
      for (const weight of [0, 1e-4, 0.5, 0.75, 1]) {
        for (const [a, b] of pairs) {
          const [before, live] = [a, b].map((extreme) =>
            hostTensor('float32', [67], (i) => (i === 66 ? extreme : i)),
          ) as [HostTensor, HostTensor];
          const lives = await backend.upload([live]);
          const handles = await itemsOf(backend, [{ average: before, live: 0, weight }], lives);
          const what = `average, ${b} into ${a}`;
          const result = await backend.average(handles);
          if (result.kind === 'averaged') {
            const [found] = await backend.download(result.items.map(({ average }) => average));
            checkAveraged(found as HostTensor, before, live, weight, what);
            await disposeItems(backend, result.items);
          } else {
            const found = result.nonFinite.join();
            check(found === '0', `${what}: refused the items ${found}, expected 0.`);
            await disposeItems(backend, handles);
          }
          await backend.dispose(lives);
        }
      }
    },
  },
  {
    name: 'throws for a live tensor that was disposed of, and changes nothing',
    async run(harness) {
      const { backend } = harness;
      const start = await harness.liveTensors();
      for (const place of [0, 1, 4]) {
        const live = Array.from({ length: 5 }, (_, n) => hostTensor('float32', [5 + n], values(n)));
        const items = live.map(({ shape }, n): HostItem => {
          const residual = hostTensor('float32', shape, (i) => i * 1e-9);
          const average = hostTensor('float32', shape, values(n + 5));
          return { average, live: n, weight: 0.5, ...(backend.canCompensate ? { residual } : {}) };
        });
        const lives = await backend.upload(live);
        const handles = await itemsOf(backend, items, lives);
        await backend.dispose(lives.slice(place, place + 1));
        const before = await harness.liveTensors();
        const what = `average, with the live tensor ${place} disposed of`;
        await checkThrows(async () => backend.average(handles), what);
        await checkAlive(harness, before, what);
        await checkUntouched(backend, handles, items, what);
        await disposeItems(backend, handles);
        await backend.dispose(lives.filter((_, n) => n !== place));
      }
      await checkAlive(harness, start, 'average that throws, and dispose');
    },
  },
];
