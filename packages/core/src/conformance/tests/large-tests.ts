// Conformance: tensors larger than the grids, counters and buffers of kernels.
import { arrayOf, elementCount, formatSpec } from '../../tensor/tensor.js';
import type { DType, HostTensor } from '../../tensor/tensor.js';
import { check, checkAveraged, checkSameBits, hostTensor } from '../check.js';
import {
  dtypeOf,
  halfDtypes,
  heldBy,
  parametersOf,
  withoutHalf,
  withoutResiduals,
} from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { checkUpdate, disposeItems, itemsOf, made } from '../updates.js';

/**
 * A tensor of about as many elements, in rows of a prime length. Its values repeat after a prime
 * that is no power of two: to compute each would take a second.
 */
function largeTensor(dtype: DType, elements: number, seed: number): HostTensor {
  const columns = Math.min(4099, elements);
  const shape = [Math.floor(elements / columns), columns];
  const length = elementCount(shape);
  const block = hostTensor(dtype, [Math.min(65_521, length)], (i) => Math.sin(i * 1.7 + seed));
  const data = new (arrayOf(dtype))(length);
  for (let begin = 0; begin < length; begin += block.data.length) {
    data.set(block.data.subarray(0, length - begin) as never, begin);
  }
  return { dtype, shape, data };
}

/** The same tensor, but for one element. */
function changed(tensor: HostTensor, place: number, value: number): HostTensor {
  const data = tensor.data.slice();
  data[place] = value as never;
  return { ...tensor, data };
}

export const largeTests: readonly HarnessTest[] = [
  {
    name: 'keeps every element of a large tensor through upload, clone, swap and download',
    async run(harness, { maxElements }) {
      const { backend } = harness;
      const [live, other] = [1, 2].map((seed) =>
        largeTensor(dtypeOf(backend), maxElements, seed),
      ) as [HostTensor, HostTensor];
      const uploaded = await backend.upload([other]);
      const clones = await backend.clone(uploaded);
      checkSameBits(await backend.download(uploaded), [other], 'upload and download');
      await backend.dispose(uploaded);
      checkSameBits(await backend.download(clones), [other], 'clone');
      const parameters = await parametersOf(harness, [live]);
      const held = await backend.swap(parameters, clones);
      await backend.dispose(clones);
      checkSameBits(await backend.download(held), [live], 'swap: what it returned');
      checkSameBits(await heldBy(harness, parameters), [other], 'swap: the parameter');
      await backend.dispose(held);
    },
  },
  {
    name: 'averages every element of a large tensor',
    async run({ backend }, { maxElements }) {
      const [live, average] = [3, 4].map((seed) =>
        largeTensor(dtypeOf(backend), maxElements, seed),
      ) as [HostTensor, HostTensor];
      const lives = await backend.upload([live]);
      await checkUpdate(backend, [{ average, live: 0, weight: 0.3 }], lives, [live]);
      await backend.dispose(lives);
    },
  },
  {
    name: 'sees what differs or is not finite in the last element of a large tensor',
    async run({ backend }, { maxElements }) {
      const average = largeTensor(dtypeOf(backend), maxElements, 5);
      const spec = formatSpec(average);
      const last = average.data.length - 1;
      for (const value of [undefined, 9, NaN]) {
        const live = value === undefined ? average : changed(average, last, value);
        const isNaN = Number.isNaN(value);
        const what =
          value === undefined ? 'and nothing changed' : `and ${value} at element ${last}`;
        const lives = await backend.upload([live]);
        const [isFinite] = await backend.allFinite(lives);
        check(isFinite === !isNaN, `allFinite, ${spec}, ${what}: ${isFinite}.`);
        const items = await itemsOf(backend, [{ average, live: 0, weight: 0.5 }], lives);
        if (isNaN) {
          const { kind } = await backend.average(items);
          check(kind === 'refused', `average, ${spec}, ${what}: ${kind}, expected refused.`);
        }
        const moved = await made(backend, items, { allowNonFinite: isNaN });
        check(
          moved[0]?.isFinite === !isNaN && moved[0].hasMoved === (value !== undefined),
          `average, ${spec}, ${what}: isFinite is ${moved[0]?.isFinite}, ` +
            `hasMoved is ${moved[0]?.hasMoved}.`,
        );
        await disposeItems(backend, moved);
        await backend.dispose(lives);
      }
    },
  },
  {
    name: 'compensated, averages every element of a large tensor',
    skip: withoutResiduals,
    async run({ backend }, { maxElements }) {
      const dtype = dtypeOf(backend);
      const [live, average] = [6, 7].map((seed) => largeTensor(dtype, maxElements, seed)) as [
        HostTensor,
        HostTensor,
      ];
      const residual = largeTensor(dtype, maxElements, 8);
      residual.data.forEach((value, index) => {
        residual.data[index] = (Number(value) * 2 ** -26) as never;
      });
      const lives = await backend.upload([live]);
      const weight = 2 ** -10;
      const items = await itemsOf(backend, [{ average, residual, live: 0, weight }], lives);
      const moved = await made(backend, items);
      const handles = moved.flatMap((item) => [item.average, item.residual ?? item.average]);
      const [sum, rest] = await backend.download(handles);
      for (let index = 0; index < average.data.length; index += 1) {
        const old = Number(average.data[index]) + Number(residual.data[index]);
        const expected = old + weight * (Number(live.data[index]) - old);
        const found = Number(sum?.data[index]) + Number(rest?.data[index]);
        if (Math.abs(found - expected) < 2 ** -32) continue;
        throw new Error(
          `average with residuals, ${formatSpec(average)}: element ${index} is ${found}, ` +
            `expected ${expected}.`,
        );
      }
      await disposeItems(backend, moved);
      await backend.dispose(lives);
    },
  },
  {
    name: 'averages every element of a large half-precision tensor',
    skip: withoutHalf,
    async run({ backend }, { maxElements }) {
      for (const dtype of halfDtypes(backend)) {
        const elements = Math.min(maxElements, 1_100_000);
        const live = largeTensor(dtype, elements, 9);
        const average = largeTensor('float32', elements, 10);
        const lives = await backend.upload([live]);
        const moved = await made(
          backend,
          await itemsOf(backend, [{ average, live: 0, weight: 0.3 }], lives),
        );
        const [found] = await backend.download(moved.map((item) => item.average));
        checkAveraged(found as HostTensor, average, live, 0.3, `average, ${dtype}`);
        await disposeItems(backend, moved);
        await backend.dispose(lives);
      }
    },
  },
];
