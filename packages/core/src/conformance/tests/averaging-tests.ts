// Conformance: averages are right.
import type { DType, HostTensor } from '../../tensor/tensor.js';
import { check, checkAveraged, checkSameBits, hostTensor, SPECIAL, values } from '../check.js';
import { dtypeOf, floatingDtypes, heldBy, parametersOf } from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { checkUpdate, disposeItems, itemsOf, made } from '../updates.js';
import type { HostItem } from '../updates.js';

const SHAPES = [
  [],
  [0],
  [1],
  [2],
  [3],
  [2, 3, 4],
  [2, 0, 3],
  [2, 1, 3, 2, 2],
  [1, 2, 2, 1, 3, 2],
  [17],
  [255],
  [20_001],
];
const WEIGHTS = [0, 1e-4, 1 / 3, 0.5, 0.9, 1];

/** One of each dtype and shape. */
function groupOf(dtypes: readonly DType[], seed: number): readonly HostTensor[] {
  return dtypes.flatMap((dtype) =>
    SHAPES.map((shape, n) => hostTensor(dtype, shape, values(seed + n))),
  );
}

/** An item for each live tensor. */
function itemsFor(live: readonly HostTensor[], seed: number, weight: number): readonly HostItem[] {
  return live.map(({ dtype, shape }, n) => ({
    average: hostTensor(dtype, shape, values(seed + n)),
    live: n,
    weight,
  }));
}

export const averagingTests: readonly HarnessTest[] = [
  {
    name: 'averages to two units in the last place, for every weight and shape',
    async run({ backend }) {
      const live = groupOf(floatingDtypes(backend), 101);
      const lives = await backend.upload(live);
      for (const [n, weight] of WEIGHTS.entries()) {
        await checkUpdate(backend, itemsFor(live, 1 + n, weight), lives, live);
      }
      await backend.dispose(lives);
    },
  },
  {
    name: 'moves averages of different weights towards shared live tensors in one call',
    async run({ backend }) {
      const live = groupOf(floatingDtypes(backend), 31);
      const lives = await backend.upload(live);
      const items = WEIGHTS.flatMap((weight, n) => itemsFor(live, 7 * n, weight));
      await checkUpdate(backend, items, lives, live);
      checkSameBits(await backend.download(lives), live, 'average: the live tensors');
      await backend.dispose(lives);
    },
  },
  {
    name: 'averages a tensor alone as it does among others',
    async run({ backend }) {
      for (const live of groupOf(floatingDtypes(backend), 41)) {
        const lives = await backend.upload([live]);
        await checkUpdate(backend, itemsFor([live], 43, 0.7), lives, [live]);
        await backend.dispose(lives);
      }
    },
  },
  {
    name: 'only reads the live tensors',
    async run(harness) {
      const { backend } = harness;
      const special = floatingDtypes(backend).map((dtype) =>
        hostTensor(dtype, [SPECIAL.length], (index) => SPECIAL[index] ?? 0),
      );
      const live = [...groupOf(floatingDtypes(backend), 7), ...special];
      const parameters = await parametersOf(harness, live);
      const handles = parameters.map((parameter) => parameter.get());
      const weighed = [0.25, 1].flatMap((weight) => itemsFor(live, 8, weight));
      const items = await itemsOf(backend, weighed, handles);
      const moved = await made(backend, items, { allowNonFinite: true });
      checkSameBits(await backend.download(handles), live, 'average: the live tensors');
      await disposeItems(backend, moved);
      checkSameBits(await backend.download(handles), live, 'dispose: the live tensors');
    },
  },
  {
    name: 'has read the live tensors when it resolves',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const live = hostTensor(dtype, [33], values(2));
      const [parameter] = await parametersOf(harness, [live]);
      check(parameter !== undefined, `parameter of ${dtype}[33]: nothing was made.`);
      const weights = [0, 0.5, 1];
      const items = weights.flatMap((weight) => itemsFor([live], 1, weight));
      const moved = await made(backend, await itemsOf(backend, items, [parameter.get()]));
      const zeros = await backend.upload([hostTensor(dtype, [33], () => 0)]);
      const held = await backend.swap([parameter], zeros);
      const found = await backend.download(moved.map(({ average }) => average));
      items.forEach(({ average, weight }, n) => {
        checkAveraged(found[n] as HostTensor, average, live, weight, 'average, then a swap');
      });
      await backend.dispose([...zeros, ...held]);
      await disposeItems(backend, moved);
    },
  },
  {
    name: 'says of each item whether the live tensor differed from its average',
    async run({ backend }) {
      for (const dtype of floatingDtypes(backend)) {
        const shapes = [[], [1], [257], [70_003], [0]];
        const places = shapes.flatMap((shape) => {
          const length = shape.reduce((product, extent) => product * extent, 1);
          const all = [0, 1, 64, 255, length - 1].filter((n) => n >= 0 && n < length);
          return [-1, ...new Set(all)].map((place) => ({ shape, place }));
        });
        const averages = places.map(({ shape }, n) => hostTensor(dtype, shape, values(n)));
        // A few units in the last place.
        const factor = 1 + (dtype === 'float64' ? 2 ** -50 : 2 ** -21);
        const live = places.map(({ shape, place }, n) =>
          hostTensor(dtype, shape, (i) => values(n)(i) * (i === place ? factor : 1)),
        );
        // The sum of these differences is zero.
        places.push({ shape: [257], place: 3 });
        averages.push(hostTensor(dtype, [257], (i) => i));
        live.push(hostTensor(dtype, [257], (i) => (i === 3 ? 4 : i === 4 ? 3 : i)));
        // These are equal as numbers.
        places.push({ shape: [257], place: -1 });
        averages.push(hostTensor(dtype, [257], (i) => (i % 2 === 0 ? 0 : -0)));
        live.push(hostTensor(dtype, [257], (i) => (i % 2 === 0 ? -0 : 0)));
        const lives = await backend.upload(live);
        const hostItems = averages.map((average, n) => ({ average, live: n, weight: 0.5 }));
        const moved = await made(backend, await itemsOf(backend, hostItems, lives));
        places.forEach(({ shape, place }, n) => {
          check(
            moved[n]?.hasMoved === place >= 0,
            `average: item ${n}, ${dtype}[${shape.join()}]: hasMoved is ${moved[n]?.hasMoved}, ` +
              (place < 0 ? 'but nothing differs.' : `but element ${place} differs.`),
          );
        });
        await disposeItems(backend, moved);
        await backend.dispose(lives);
      }
    },
  },
  {
    name: 'goes on averaging after a swap and back',
    async run(harness) {
      const { backend } = harness;
      const live = hostTensor(dtypeOf(backend), [9], values(2));
      const parameters = await parametersOf(harness, [live]);
      const items = itemsFor([live], 1, 0.25);
      const average = await backend.upload(items.map((item) => item.average));
      const held = await backend.swap(parameters, average);
      const taken = await backend.swap(parameters, held);
      await backend.dispose([...held, ...taken]);
      const handles = parameters.map((parameter) => parameter.get());
      const moved = await made(backend, [
        { average: average[0] as (typeof handles)[0], live: handles[0] as never, weight: 0.25 },
      ]);
      const [found] = await backend.download(moved.map((item) => item.average));
      const before = items[0]?.average as HostTensor;
      checkAveraged(found as HostTensor, before, live, 0.25, 'average after two swaps');
      checkSameBits(await heldBy(harness, parameters), [live], 'the parameter after two swaps');
      await disposeItems(backend, moved);
    },
  },
];
