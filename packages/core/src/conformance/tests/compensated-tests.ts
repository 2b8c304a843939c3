// Conformance: the compensated accumulator, where a backend has one.
import { isHalf } from '../../tensor/tensor.js';
import type { DType, HostTensor } from '../../tensor/tensor.js';
import type { AverageItem } from '../../backend.js';
import { check, checkSameBits, hostTensor, numbersOf, values } from '../check.js';
import { dtypeOf, floatingDtypes, halfDtypes, withoutHalf, withoutResiduals } from '../harness.js';
import type { BackendHarness, HarnessTest } from '../harness.js';
import { disposeItems, itemsOf, made } from '../updates.js';

const UPDATES = 1000;

interface Follower {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly weight: number;
}

/** Averages that start at 1 and follow constant live weights: what they come to is known. */
async function checkFollows<T>(
  { backend }: BackendHarness<T>,
  followers: readonly Follower[],
): Promise<void> {
  const live = followers.map(({ dtype, shape }, n) =>
    hostTensor(dtype, shape, (index) => 1.5 + ((index % 61) + n) / 64),
  );
  const lives = await backend.upload(live);
  const start = followers.map(({ dtype, shape, weight }, n) => {
    const own = isHalf(dtype) ? 'float32' : dtype;
    const [average, residual] = [1, 0].map((value) => hostTensor(own, shape, () => value)) as [
      HostTensor,
      HostTensor,
    ];
    return { average, residual, live: n, weight };
  });
  let items: readonly AverageItem<T>[] = await itemsOf(backend, start, lives);
  for (let n = 0; n < UPDATES; n += 1) {
    const results = await made(backend, items);
    items = results.map(({ average, residual }, index) => {
      const { live: target, weight } = items[index] as AverageItem<T>;
      return { average, residual: residual as T, live: target, weight };
    });
  }
  const averages = await backend.download(items.map(({ average }) => average));
  const residuals = await backend.download(items.map(({ residual }) => residual as T));
  followers.forEach(({ dtype, shape, weight }, n) => {
    const targets = numbersOf(live[n] as HostTensor);
    for (let index = 0; index < targets.length; index += 1) {
      const target = targets[index] as number;
      const expected = target + (1 - target) * (1 - weight) ** UPDATES;
      const found = Number(averages[n]?.data[index]) + Number(residuals[n]?.data[index]);
      check(
        Math.abs(found / expected - 1) < 1e-9,
        `average with residuals, item ${n}, ${dtype}[${shape.join()}], weight ${weight}: ` +
          `element ${index} is ${found}, expected ${expected}.`,
      );
    }
  });
  checkSameBits(await backend.download(lives), live, 'average with residuals: the live tensors');
  await disposeItems(backend, items);
  await backend.dispose(lives);
}

export const compensatedTests: readonly HarnessTest[] = [
  {
    name: 'compensated, follows decay 0.9999 to 1e-9 over 1,000 updates',
    skip: withoutResiduals,
    async run(harness) {
      for (const dtype of floatingDtypes(harness.backend)) {
        await checkFollows(harness, [
          { dtype, shape: [67], weight: Math.fround(1e-4) },
          { dtype, shape: [], weight: Math.fround(1e-3) },
          { dtype, shape: [11, 100], weight: Math.fround(2e-4) },
          { dtype, shape: [67], weight: Math.fround(3e-4) },
        ]);
      }
    },
  },
  {
    name: 'compensated, averages half-precision live tensors to 1e-9',
    skip: (harness) => withoutHalf(harness) ?? withoutResiduals(harness),
    async run(harness) {
      await checkFollows(
        harness,
        halfDtypes(harness.backend).map((dtype) => ({
          dtype,
          shape: [67],
          weight: Math.fround(1e-4),
        })),
      );
    },
  },
  {
    name: 'compensated, leaves the items without a residual of the same call as they would be',
    skip: withoutResiduals,
    async run({ backend }) {
      const dtype = dtypeOf(backend);
      const tensor = (seed: number): HostTensor =>
        hostTensor(dtype, [67], (index) => Math.sin(index + seed));
      const lives = await backend.upload([tensor(1)]);
      const plain = [2, 3].map((seed) => ({ average: tensor(seed), live: 0, weight: seed / 10 }));
      const alone = await made(backend, await itemsOf(backend, plain, lives));
      const expected = await backend.download(alone.map(({ average }) => average));
      const residual = hostTensor(dtype, [67], () => 0);
      const between = { average: tensor(4), residual, live: 0, weight: 0.7 };
      const mixed = [plain[0], between, plain[1]] as (typeof between)[];
      const together = await made(backend, await itemsOf(backend, mixed, lives));
      const [first, , last] = await backend.download(together.map(({ average }) => average));
      checkSameBits([first, last] as HostTensor[], expected, 'average, some with residuals');
      await disposeItems(backend, [...alone, ...together]);
      await backend.dispose(lives);
    },
  },
  {
    name: 'compensated, says of each item whether the live tensor differed from its average',
    skip: withoutResiduals,
    async run({ backend }) {
      for (const dtype of floatingDtypes(backend)) {
        const places = [-1, 0, 64, 256, -1];
        const averages = places.map((_, n) => hostTensor(dtype, [257], values(n)));
        const live = places.map((place, n) =>
          hostTensor(dtype, [257], (i) => values(n)(i) * (i === place ? 1.0001 : 1)),
        );
        const residual = hostTensor(dtype, [257], () => 0);
        const lives = await backend.upload(live);
        const items = averages.map((average, n) => ({ average, residual, live: n, weight: 0.5 }));
        const moved = await made(backend, await itemsOf(backend, items, lives));
        places.forEach((place, n) => {
          check(
            moved[n]?.hasMoved === place >= 0,
            `average with residuals: item ${n}, ${dtype}[257]: ` +
              `hasMoved is ${moved[n]?.hasMoved}, ` +
              (place < 0 ? 'but nothing differs.' : `but element ${place} differs.`),
          );
        });
        await disposeItems(backend, moved);
        await backend.dispose(lives);
      }
    },
  },
  {
    name: 'compensated, keeps as many tensors alive after ten updates as after one',
    skip: withoutResiduals,
    async run(harness) {
      const { backend } = harness;
      const start = await harness.liveTensors();
      const dtype = dtypeOf(backend);
      const lives = await backend.upload([hostTensor(dtype, [67], (index) => index)]);
      const [average, residual] = [1, 0].map((value) => hostTensor(dtype, [67], () => value)) as [
        HostTensor,
        HostTensor,
      ];
      const before = { average, residual, live: 0, weight: 0.5 };
      let items: readonly AverageItem<(typeof lives)[0]>[] = await itemsOf(
        backend,
        [before],
        lives,
      );
      const what = `average of ${dtype}[67] with residuals`;
      let alive: number | undefined;
      for (let n = 0; n < 10; n += 1) {
        const [moved] = await made(backend, items);
        check(moved !== undefined, `average of ${dtype}[67]: made nothing.`);
        items = [{ ...moved, live: lives[0] as (typeof lives)[0], weight: 0.5 }];
        const now = await harness.liveTensors();
        alive ??= now;
        check(now === alive, `${what}: ${now} tensors are alive, ${alive} were.`);
      }
      await disposeItems(backend, items);
      await backend.dispose(lives);
      const end = await harness.liveTensors();
      check(end === start, `${what}: ${end} tensors are left, expected ${start}.`);
    },
  },
];
