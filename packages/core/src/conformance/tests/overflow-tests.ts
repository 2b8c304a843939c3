// Conformance: an update of finite values has a finite result, however large they are.
import { formatSpec, isFloating, isHalf } from '../../tensor/tensor.js';
import type { DType, HostTensor } from '../../tensor/tensor.js';
import { check, hostTensor, numbersOf } from '../check.js';
import type { HarnessTest } from '../harness.js';
import { disposeItems, itemsOf, made } from '../updates.js';
import type { HostItem } from '../updates.js';

/** The largest number of each dtype. */
const LARGEST: Partial<Record<DType, number>> = {
  float64: Number.MAX_VALUE,
  float32: 2 ** 128 - 2 ** 104,
  bfloat16: 2 ** 128 - 2 ** 120,
  float16: 65_504,
};

const WEIGHTS = [0, 1e-4, 1 / 3, 0.5, 0.75, 0.9, 1 - 2 ** -24, 1 - 2 ** -53, 1];

/** Where the one element of a long tensor lies that overflows. */
const FAR = 70_001;

/** Parts of the largest number, a few units in the last place of an average's, and 1. */
function sizes(dtype: DType): readonly number[] {
  const largest = LARGEST[dtype] ?? 0;
  const last = dtype === 'float64' ? 2 ** 971 : 2 ** 104;
  const parts = [1, 0.9, 2 / 3, 0.5].map((part) => part * largest);
  const units = dtype === 'float16' ? [] : [3.5 * last, 4.5 * last];
  return [...parts, ...units, 1].flatMap((size) => [size, -size]);
}

/** An average and a live tensor with all pairs of these sizes, and a long one of each. */
function tensorsOf(average: DType, live: DType): readonly (readonly [HostTensor, HostTensor])[] {
  const [from, towards] = [sizes(average), sizes(live)];
  const { length } = towards;
  const all = [from.length, length];
  const long = (dtype: DType, sign: number): HostTensor =>
    hostTensor(dtype, [FAR + 1], (index) =>
      index === FAR ? sign * (LARGEST[dtype] ?? 0) : sign * (index % 97),
    );
  return [
    [
      hostTensor(average, all, (index) => from[Math.floor(index / length)] ?? 0),
      hostTensor(live, all, (index) => towards[index % length] ?? 0),
    ],
    [long(average, 1), long(live, -1)],
  ];
}

/** Throws unless the sums, with their residuals, are right to four units in the last place. */
function checkSums(
  sum: HostTensor,
  rest: HostTensor | undefined,
  item: HostItem,
  live: HostTensor,
) {
  const { average, weight } = item;
  const [w, unit] =
    average.dtype === 'float64' ? [weight, 2 ** -53] : [Math.fround(weight), 2 ** -24];
  const [from, towards, sums] = [average, live, sum].map(numbersOf) as [Numbers, Numbers, Numbers];
  const rests = rest === undefined ? undefined : numbersOf(rest);
  for (let index = 0; index < from.length; index += 1) {
    const [a, p] = [from[index] ?? NaN, towards[index] ?? NaN];
    const expected = (1 - w) * a + w * p;
    const found = (sums[index] ?? NaN) + (rests === undefined ? 0 : (rests[index] ?? NaN));
    const bound = 8 * unit * Math.max(Math.abs(a), Math.abs(p));
    if (Math.abs(found - expected) <= bound) continue;
    throw new Error(
      `average, ${formatSpec(live)} into ${formatSpec(average)}, weight ${weight}` +
        `${rests === undefined ? '' : ', with a residual'}: element ${index}, ${p} into ${a}, is ` +
        `${found}, expected ${expected} within ${bound}.`,
    );
  }
}

type Numbers = ArrayLike<number>;

export const overflowTests: readonly HarnessTest[] = [
  {
    name: 'averages finite values of any size without overflow',
    async run({ backend }) {
      for (const dtype of backend.dtypes.filter(isFloating)) {
        const tensors = tensorsOf(isHalf(dtype) ? 'float32' : dtype, dtype);
        const items = tensors.flatMap(([average], live) => {
          const plain = (live === 0 ? WEIGHTS : [0.25]).map((weight) => ({
            average,
            live,
            weight,
          }));
          const residual = hostTensor(average.dtype, average.shape, () => 0);
          const pairs = plain.map((item) => ({ ...item, residual }));
          return backend.canCompensate ? [...plain, ...pairs] : plain;
        });
        const live = tensors.map(([, target]) => target);
        const lives = await backend.upload(live);
        const results = await made(backend, await itemsOf(backend, items, lives));
        const sums = await backend.download(results.map(({ average }) => average));
        const own = results.flatMap(({ residual }) => (residual === undefined ? [] : [residual]));
        const rests = (await backend.download(own)).values();
        items.forEach((item: HostItem, n) => {
          const rest = item.residual === undefined ? undefined : rests.next().value;
          checkSums(sums[n] as HostTensor, rest, item, live[item.live] as HostTensor);
          const { isFinite, hasMoved } = results[n] as (typeof results)[0];
          check(
            isFinite && hasMoved,
            `average, ${formatSpec(item.average)}, large values: isFinite is ${isFinite} and ` +
              `hasMoved ${hasMoved}, expected true of both.`,
          );
        });
        await disposeItems(backend, results);
        await backend.dispose(lives);
      }
    },
  },
];
