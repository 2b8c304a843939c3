// Conformance: averages are right.
import type { DType, HostTensor } from '../../tensor/tensor.js';
import {
  check,
  checkAlive,
  checkAveraged,
  checkSameBits,
  hostTensor,
  SPECIAL,
  specsOf,
  values,
} from '../check.js';
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
      const items = await itemsOf(backend, itemsFor(live, 8, 0.25), handles);
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
      const items = itemsFor([live], 1, 0.5);
      const moved = await made(backend, await itemsOf(backend, items, [parameter.get()]));
      const zeros = await backend.upload([hostTensor(dtype, [33], () => 0)]);
      const held = await backend.swap([parameter], zeros);
      const [found] = await backend.download(moved.map(({ average }) => average));
      const average = items[0]?.average as HostTensor;
      checkAveraged(found as HostTensor, average, live, 0.5, 'average, then a swap');
      await backend.dispose([...zeros, ...held]);
      await disposeItems(backend, moved);
    },
  },
  {
    name: 'is the mean of 400 weights to 1e-6',
    async run({ backend }) {
      const dtype = dtypeOf(backend);
      const weights = Array.from({ length: 400 }, (_, n) =>
        hostTensor(dtype, [64], (i) => 1 + i / 64 + 0.01 * values(n)(1)),
      );
      let [average] = await backend.upload(weights.slice(0, 1));
      for (const [n, weight] of weights.slice(1).entries()) {
        const [live] = await backend.upload([weight]);
        check(average !== undefined && live !== undefined, `upload of ${dtype}[64]: made nothing.`);
        [average] = (await made(backend, [{ average, live, weight: 1 / (n + 2) }])).map(
          (item) => item.average,
        );
        await backend.dispose([live]);
      }
      check(average !== undefined, `average of ${dtype}[64]: made nothing.`);
      const [found] = await backend.download([average]);
      for (let index = 0; index < 64; index += 1) {
        const sum = weights.reduce((total, { data }) => total + Number(data[index]), 0);
        const [value, mean] = [Number(found?.data[index]), sum / weights.length];
        check(
          Math.abs(value / mean - 1) < 1e-6,
          `average, 399 times, ${dtype}[64]: element ${index} is ${value}, expected ${mean}.`,
        );
      }
      await backend.dispose([average]);
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
        const live = places.map(({ shape, place }, n) =>
          hostTensor(dtype, shape, (i) => values(n)(i) * (i === place ? 1.0001 : 1)),
        );
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
  {
    name: 'keeps as many tensors alive after 50 updates as after one',
    async run(harness) {
      const { backend } = harness;
      const live = groupOf(floatingDtypes(backend), 5);
      const parameters = await parametersOf(harness, live);
      const handles = parameters.map((parameter) => parameter.get());
      const start = await harness.liveTensors();
      let averages = await backend.clone(handles);
      let before = 0;
      for (let n = 0; n < 51; n += 1) {
        const items = averages.map((average, index) => ({
          average,
          live: handles[index] as (typeof handles)[0],
          weight: 0.5,
        }));
        averages = (await made(backend, items)).map((item) => item.average);
        if (n === 0) before = await harness.liveTensors();
      }
      await checkAlive(harness, before, `average of ${specsOf(live)}, 50 times`);
      await backend.dispose(averages);
      await checkAlive(harness, start, `average of ${specsOf(live)}, 51 times, and dispose`);
    },
  },
];
