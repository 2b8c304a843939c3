// Conformance: what a call does, it does each time, and with whatever other calls made.
import type { HostTensor } from '../../tensor/tensor.js';
import { check, checkAlive, checkSameBits, hostTensor, specsOf, values } from '../check.js';
import { dtypeOf, floatingDtypes, heldBy, parametersOf } from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { checkUpdate, itemsOf, made } from '../updates.js';

const SHAPES = [[], [0], [3], [2, 3, 4], [257], [20_001]];

export const repetitionTests: readonly HarnessTest[] = [
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
    name: 'does in its 400th call what it does in its first',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const tensors = (seed: number): readonly HostTensor[] =>
        [5, 6].map((extent) => hostTensor(dtype, [extent], values(seed + extent)));
      const bad = hostTensor(dtype, [5], (index) => (index === 4 ? NaN : index));
      const parameters = await parametersOf(harness, tensors(0));
      for (let n = 1; n <= 400; n += 1) {
        const uploads = await backend.upload([...tensors(n), bad]);
        const found = await backend.allFinite(uploads);
        check(
          found.join() === 'true,true,false',
          `allFinite, call ${n}, ${specsOf([...tensors(n), bad])}: ${found.join()}.`,
        );
        const clones = await backend.clone(uploads.slice(0, 2));
        await backend.dispose(uploads);
        const held = await backend.swap(parameters, clones);
        checkSameBits(await backend.download(held), tensors(n - 1), `swap, call ${n}`);
        await backend.dispose([...held, ...clones]);
      }
      checkSameBits(await heldBy(harness, parameters), tensors(400), 'swap, 400 times');
    },
  },
  {
    name: 'takes new averages wherever it takes tensors, each for itself',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const live = SHAPES.map((shape, n) => hostTensor(dtype, shape, values(n)));
      const parameters = await parametersOf(harness, live);
      const lives = await backend.upload(live);
      const items = SHAPES.map((shape, n) => {
        return { average: hostTensor(dtype, shape, values(n + 9)), live: n, weight: 0.3 };
      });
      const moved = await made(backend, await itemsOf(backend, items, lives));
      const averages = moved.map(({ average }) => average);
      const expected = await backend.download(averages);
      const clones = await backend.clone(averages);
      checkSameBits(await backend.download(clones), expected, 'clone of new averages');
      const held = await backend.swap(parameters, averages);
      checkSameBits(await heldBy(harness, parameters), expected, 'swap of new averages');
      const next = expected.map((average, n) => ({ average, live: n, weight: 0.5 }));
      await checkUpdate(backend, next, averages, expected);
      await backend.dispose(averages.slice(0, 3));
      const left = averages.slice(3);
      checkSameBits(await backend.download(left), expected.slice(3), 'dispose of other averages');
      checkSameBits(await heldBy(harness, parameters), expected, 'dispose of what was swapped in');
      await backend.dispose([...left, ...clones, ...held, ...lives]);
    },
  },
  {
    name: 'keeps as many tensors alive after 50 updates as after one',
    async run(harness) {
      const { backend } = harness;
      const live = floatingDtypes(backend).flatMap((dtype) =>
        SHAPES.map((shape, n) => hostTensor(dtype, shape, values(n))),
      );
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
