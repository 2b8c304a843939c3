// Conformance: averages are right, and a failure changes nothing.
import type { HostTensor } from '../tensor.js';
import { isFloating } from '../tensor.js';
import { check, checkAveraged, checkSameBits, hostTensor, SPECIAL } from './check.js';
import { floatingDtypes } from './harness.js';
import type { HarnessTest } from './harness.js';

const SHAPES = [[], [0], [1], [2], [3], [2, 3, 4], [17], [255], [20_001]];
const WEIGHTS = [0, 1e-4, 1 / 3, 0.5, 0.9, 1];

/** Values of many magnitudes and both signs, another sequence for each seed. */
export function values(seed: number): (index: number) => number {
  return (index) => Math.sin(index * 1.7 + seed * 2.3 + 0.5) * 10 ** (((index * 7 + seed) % 9) - 4);
}

function groupOf(dtypes: readonly HostTensor['dtype'][], seed: number): readonly HostTensor[] {
  return dtypes.flatMap((dtype) =>
    SHAPES.map((shape, n) => hostTensor(dtype, shape, values(seed + n))),
  );
}

export const averagingTests: readonly HarnessTest[] = [
  {
    name: 'averages to two units in the last place, for every weight and shape',
    async run({ backend }) {
      const [averages, live] = [
        groupOf(floatingDtypes(backend), 1),
        groupOf(floatingDtypes(backend), 101),
      ];
      const lives = await backend.upload(live);
      for (const weight of WEIGHTS) {
        const moved = await backend.average(await backend.upload(averages), lives, weight);
        const found = await backend.download(moved);
        averages.forEach((average, index) => {
          const what = `weight ${weight}, tensor ${index}`;
          checkAveraged(
            found[index] as HostTensor,
            average,
            live[index] as HostTensor,
            weight,
            what,
          );
        });
        await backend.dispose(moved);
      }
      await backend.dispose(lives);
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
      const parameters = await Promise.all(
        live.map((tensor, n) => harness.parameter(`p${n}`, tensor)),
      );
      const handles = parameters.map((parameter) => parameter.get());
      const moved = await backend.average(
        await backend.upload(live.map(({ dtype, shape }) => hostTensor(dtype, shape, values(8)))),
        handles,
        0.25,
      );
      checkSameBits(await backend.download(handles), live, 'live');
      await backend.dispose(moved);
    },
  },
  {
    name: 'has read the live tensors when it resolves',
    async run(harness) {
      const { backend } = harness;
      const [average, live] = [
        hostTensor('float32', [33], values(1)),
        hostTensor('float32', [33], values(2)),
      ];
      const parameter = await harness.parameter('p', live);
      const moved = await backend.average(await backend.upload([average]), [parameter.get()], 0.5);
      const held = await backend.swap(
        [parameter],
        await backend.upload([hostTensor('float32', [33], () => 0)]),
      );
      checkAveraged(
        (await backend.download(moved))[0] as HostTensor,
        average,
        live,
        0.5,
        'after live changed',
      );
      await backend.dispose([...moved, ...held]);
    },
  },
  {
    name: 'is the mean of 200 weights to 1e-6',
    async run({ backend }) {
      const weights = Array.from({ length: 200 }, (_, n) =>
        hostTensor('float32', [64], (i) => 1 + i / 64 + 0.01 * values(n)(1)),
      );
      let averages = await backend.upload(weights.slice(0, 1));
      for (const [n, weight] of weights.slice(1).entries()) {
        const live = await backend.upload([weight]);
        averages = await backend.average(averages, live, 1 / (n + 2));
        await backend.dispose(live);
      }
      const [found] = await backend.download(averages);
      found?.data.forEach((value: number | bigint, index: number) => {
        const mean =
          weights.reduce((sum, { data }) => sum + Number((data as Float32Array)[index]), 0) /
          weights.length;
        check(
          Math.abs(Number(value) / mean - 1) < 1e-6,
          `Element ${index} is ${String(value)}, expected ${mean}.`,
        );
      });
      await backend.dispose(averages);
    },
  },
  {
    name: 'throws for a disposed live tensor, and the averages hold their old values',
    async run({ backend }) {
      const [averages, live] = [groupOf(['float32'], 3), groupOf(['float32'], 4)];
      const handles = await backend.upload(averages);
      const lives = await backend.upload(live);
      const last = lives.slice(-1);
      await backend.dispose(last);
      let failed = false;
      try {
        await backend.average(handles, lives, 0.5);
      } catch {
        failed = true;
      }
      check(failed, 'average took a disposed tensor.');
      checkSameBits(await backend.download(handles), averages, 'averages after a failure');
      await backend.dispose([...handles, ...lives.slice(0, -1)]);
    },
  },
  {
    name: 'goes on averaging after a swap and back',
    async run(harness) {
      const { backend } = harness;
      const [average, live] = [
        hostTensor('float32', [9], values(1)),
        hostTensor('float32', [9], values(2)),
      ];
      const parameter = await harness.parameter('p', live);
      let averages = await backend.swap([parameter], await backend.upload([average]));
      averages = await backend.swap([parameter], averages);
      averages = await backend.average(averages, [parameter.get()], 0.25);
      checkAveraged(
        (await backend.download(averages))[0] as HostTensor,
        average,
        live,
        0.25,
        'after two swaps',
      );
      checkSameBits(await backend.download([parameter.get()]), [live], 'the parameter');
      await backend.dispose(averages);
    },
  },
  {
    name: 'keeps as many tensors alive after 50 updates as after one',
    async run(harness) {
      const { backend } = harness;
      const live = groupOf(floatingDtypes(backend), 5);
      const parameters = await Promise.all(
        live.map((tensor, n) => harness.parameter(`p${n}`, tensor)),
      );
      const handles = parameters.map((parameter) => parameter.get());
      const start = await harness.liveTensors();
      let averages = await backend.average(await backend.clone(handles), handles, 0.5);
      const before = await harness.liveTensors();
      for (let n = 0; n < 50; n += 1) averages = await backend.average(averages, handles, 0.5);
      const after = await harness.liveTensors();
      check(after === before, `${after} tensors are alive, ${before} were after one update.`);
      await backend.dispose(averages);
      const end = await harness.liveTensors();
      check(end === start, `${end} tensors are alive at the end, ${start} were at the start.`);
    },
  },
  {
    name: 'finds NaN and infinities wherever they are, and only there',
    async run({ backend }) {
      for (const dtype of floatingDtypes(backend)) {
        const largest = hostTensor(dtype, [300], (index) => (index % 2 === 0 ? 3e38 : -3e38));
        const bad = [NaN, Infinity, -Infinity].flatMap((value) =>
          [0, 16, 255, 256].map((place) =>
            hostTensor(dtype, [257], (i) => (i === place ? value : 1)),
          ),
        );
        const sums = hostTensor(dtype, [300], () => 3e38);
        const empty = hostTensor(dtype, [0], () => 0);
        const far = hostTensor(dtype, [200_003], (index) => (index === 200_002 ? NaN : 1));
        const handles = await backend.upload([largest, ...bad, sums, empty, far]);
        const found = await backend.allFinite(handles);
        const expected = [true, ...bad.map(() => false), true, true, false];
        check(
          expected.join() === found.join(),
          `allFinite, ${dtype}: ${found.join()}, expected ${expected.join()}.`,
        );
        await backend.dispose(handles);
      }
      const integers = backend.dtypes.filter((dtype) => !isFloating(dtype));
      const handles = await backend.upload(
        integers.map((dtype) => hostTensor(dtype, [3], () => 1)),
      );
      check((await backend.allFinite(handles)).every(Boolean), 'allFinite: integers are finite.');
      await backend.dispose(handles);
    },
  },
];
