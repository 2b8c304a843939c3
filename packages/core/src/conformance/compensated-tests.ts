// Conformance: the compensated accumulator, where a backend has one.
import type { HostTensor } from '../tensor.js';
import { check, checkSameBits, hostTensor } from './check.js';
import { floatingDtypes } from './harness.js';
import type { HarnessTest } from './harness.js';

const LENGTH = 67;

export const compensatedTests: readonly HarnessTest[] = [
  {
    name: 'compensated, follows decay 0.9999 to 1e-9 over 1,000 updates',
    async run({ backend }) {
      if (backend.averageCompensated === undefined) return;
      for (const dtype of floatingDtypes(backend)) {
        const weight = Math.fround(1e-4);
        let state = {
          averages: await backend.upload([hostTensor(dtype, [LENGTH], () => 1)]),
          residuals: await backend.upload([hostTensor(dtype, [LENGTH], () => 0)]),
        };
        const live = hostTensor(dtype, [LENGTH], (index) => 1.5 + index / 100);
        const lives = await backend.upload([live]);
        for (let n = 0; n < 1000; n += 1) {
          state = await backend.averageCompensated(state.averages, state.residuals, lives, weight);
        }
        const [averages, residuals] = await backend.download([
          ...state.averages,
          ...state.residuals,
        ]);
        live.data.forEach((value: number | bigint, index: number) => {
          const expected = Number(value) + (1 - Number(value)) * (1 - weight) ** 1000;
          const found = Number(averages?.data[index]) + Number(residuals?.data[index]);
          check(
            Math.abs(found / expected - 1) < 1e-9,
            `${dtype}: element ${index} is ${found}, expected ${expected}.`,
          );
        });
        checkSameBits(await backend.download(lives), [live], 'live');
        await backend.dispose([...state.averages, ...state.residuals, ...lives]);
      }
    },
  },
  {
    name: 'compensated, changes nothing where it throws, and leaks nothing',
    async run(harness) {
      const { backend } = harness;
      if (backend.averageCompensated === undefined) return;
      const start = await harness.liveTensors();
      const tensors = [1, 2, 3].map((seed) =>
        hostTensor('float32', [LENGTH], (index) => index + seed),
      );
      const averages = await backend.upload(tensors);
      const residuals = await backend.upload(tensors);
      const lives = await backend.upload(tensors);
      await backend.dispose(lives.slice(-1));
      let failed = false;
      try {
        await backend.averageCompensated(averages, residuals, lives, 0.5);
      } catch {
        failed = true;
      }
      check(failed, 'averageCompensated took a disposed tensor.');
      checkSameBits(await backend.download(averages), tensors, 'averages after a failure');
      checkSameBits(await backend.download(residuals), tensors, 'residuals after a failure');
      const some = { averages: averages.slice(0, 2), residuals: residuals.slice(0, 2) };
      const moved = await backend.averageCompensated(
        some.averages,
        some.residuals,
        lives.slice(0, 2),
        0.5,
      );
      const kept: readonly (readonly HostTensor[])[] = [
        await backend.download(moved.averages),
        await backend.download(moved.residuals),
      ];
      check(
        kept.every((list) => list.length === 2),
        'averageCompensated lost a tensor.',
      );
      await backend.dispose([
        ...moved.averages,
        ...moved.residuals,
        ...averages.slice(2),
        ...residuals.slice(2),
        ...lives.slice(0, 2),
      ]);
      const end = await harness.liveTensors();
      check(end === start, `${end} tensors are alive at the end, ${start} were at the start.`);
    },
  },
];
