// Conformance: half precision, where a backend has it. Averages of it are float32.
import type { Backend } from '../../backend.js';
import { halfBits, halfValue } from '../../tensor/half.js';
import { formatSpec } from '../../tensor/tensor.js';
import type { DType, HostTensor } from '../../tensor/tensor.js';
import {
  check,
  checkAlive,
  checkSameBits,
  hostTensor,
  numbersOf,
  specsOf,
  values,
} from '../check.js';
import { halfDtypes, parametersOf, withoutHalf } from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { checkUntouched, checkUpdate, disposeItems, itemsOf } from '../updates.js';
import type { HostItem } from '../updates.js';

const SHAPES = [[], [0], [1], [3], [2, 3, 4], [2, 1, 3, 2, 2], [1025], [20_001]];

/** Some are below float16's least normal number: a kernel in half precision would lose them. */
function livesOf(dtype: HostTensor['dtype']): readonly HostTensor[] {
  return SHAPES.map((shape, n) => hostTensor(dtype, shape, (index) => values(n)(index) / 16));
}

/** `tensors` as the backend casts them. */
async function castBy<T>(
  backend: Backend<T>,
  tensors: readonly HostTensor[],
  dtypes: readonly DType[],
): Promise<readonly HostTensor[]> {
  check(backend.cast !== undefined, 'dtypes has half precision, so cast is required.');
  const handles = await backend.upload(tensors);
  const made = await backend.cast(handles, dtypes);
  const found = await backend.download(made);
  checkSameBits(await backend.download(handles), tensors, 'cast: what was cast');
  await backend.dispose([...handles, ...made]);
  return found;
}

/** Every number that the dtype has, infinities too. */
function allNumbers(dtype: DType): readonly number[] {
  return Array.from({ length: 65_536 }, (_, bits) => halfValue(dtype, bits)).filter(
    (x) => !Number.isNaN(x),
  );
}

/**
 * float32 numbers between those of the dtype: the middle of each two neighbours, and what lies next
 * to it.
 */
function betweenNumbers(dtype: DType): readonly number[] {
  const positive = allNumbers(dtype).filter((x) => x >= 0 && x < 60_000);
  return positive.slice(1).flatMap((above, n) => {
    const middle = (above + (positive[n] ?? 0)) / 2;
    return [middle, -middle, middle * (1 - 2 ** -20), middle * (1 + 2 ** -20)];
  });
}

function vector(dtype: DType, numbers: readonly number[]): HostTensor {
  return hostTensor(dtype, [numbers.length], (index) => numbers[index] ?? 0);
}

/** Around the largest number of float16, where rounding makes infinities. */
const EDGES = [65_503, 65_504, 65_505, 65_519, 65_519.99, 65_520, 65_536, -65_519, -65_520];

export const halfTests: readonly HarnessTest[] = [
  {
    name: 'casts every half-precision number to float32 and back',
    skip: withoutHalf,
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        const numbers = allNumbers(dtype);
        const [narrow, wide] = [vector(dtype, numbers), vector('float32', numbers)];
        checkSameBits(
          await castBy(backend, [narrow, wide], ['float32', dtype]),
          [wide, narrow],
          `cast, ${dtype}`,
        );
      }
    },
  },
  {
    name: 'rounds float32 to half precision to nearest, ties to even',
    skip: withoutHalf,
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        const numbers = [...betweenNumbers(dtype), ...EDGES, 0, -0, 3e38, -3e38, Infinity];
        const [found] = await castBy(backend, [vector('float32', numbers)], [dtype]);
        checkSameBits(
          [found as HostTensor],
          [vector(dtype, numbers.map(Math.fround))],
          `cast, ${dtype}`,
        );
      }
    },
  },
  {
    name: 'casts NaN to NaN, whatever its bits',
    skip: withoutHalf,
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        const infinity = halfBits(dtype, Infinity);
        const narrow = Uint16Array.of(infinity + 1, infinity + 0x8001, 0x7fff, 0xffff);
        const words = Uint32Array.of(0x7fc0_0000, 0x7f80_0001, 0xff80_0001, 0x7fff_ffff);
        const found = await castBy(
          backend,
          [
            { dtype, shape: [4], data: narrow },
            { dtype: 'float32', shape: [4], data: new Float32Array(words.buffer) },
          ],
          ['float32', dtype],
        );
        for (const tensor of found) {
          Array.from(numbersOf(tensor)).forEach((value, index) => {
            check(
              Number.isNaN(value),
              `cast to ${formatSpec(tensor)}: element ${index} is ${value}, expected NaN.`,
            );
          });
        }
      }
    },
  },
  {
    name: 'casts a list of many shapes, in its order',
    skip: withoutHalf,
    async run(harness) {
      const { backend } = harness;
      for (const dtype of halfDtypes(backend)) {
        const start = await harness.liveTensors();
        const tensors = SHAPES.map((shape, n) =>
          hostTensor(dtype, shape, (index) => (index + n) % 97),
        );
        const dtypes = SHAPES.map((_, n): DType => (n % 2 === 0 ? 'float32' : dtype));
        const expected = SHAPES.map((shape, n) =>
          hostTensor(dtypes[n] ?? dtype, shape, (index) => (index + n) % 97),
        );
        checkSameBits(await castBy(backend, tensors, dtypes), expected, `cast, ${dtype}`);
        await checkAlive(harness, start, `cast of ${specsOf(tensors)}, and dispose`);
      }
    },
  },
  {
    name: 'averages half-precision live tensors in float32',
    skip: withoutHalf,
    async run(harness) {
      const { backend } = harness;
      for (const dtype of halfDtypes(backend)) {
        const live = livesOf(dtype);
        const parameters = await parametersOf(harness, live);
        const handles = parameters.map((parameter) => parameter.get());
        const items = [0, 1e-4, 1 / 3, 1].flatMap((weight, w) =>
          SHAPES.map((shape, n) => ({
            average: hostTensor('float32', shape, values(n + 50 * w)),
            live: n,
            weight,
          })),
        );
        await checkUpdate(backend, items, handles, live);
        checkSameBits(await backend.download(handles), live, `average, ${dtype}: the live tensors`);
      }
    },
  },
  {
    name: 'refuses half-precision live tensors that are not finite, and changes nothing',
    skip: withoutHalf,
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        for (const value of [NaN, Infinity, -Infinity]) {
          const live = [-1, 0, 256].map((place) =>
            hostTensor(dtype, [257], (i) => (i === place ? value : 1 + i / 512)),
          );
          const items = live.map((_, n): HostItem => {
            return { average: hostTensor('float32', [257], values(n)), live: n, weight: 0.5 };
          });
          const lives = await backend.upload(live);
          const handles = await itemsOf(backend, items, lives);
          const result = await backend.average(handles);
          const found = result.kind === 'refused' ? result.nonFinite.join() : 'none';
          const what = `average, ${dtype}[257], ${value}`;
          check(found === '1,2', `${what}: refused the items ${found}, expected 1,2.`);
          await checkUntouched(backend, handles, items, what);
          await disposeItems(backend, handles);
          await backend.dispose(lives);
        }
      }
    },
  },
  {
    name: 'says of each half-precision live tensor whether it differed from its average',
    skip: withoutHalf,
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        // Each of these numbers is one of both dtypes.
        const lives = await backend.upload([hostTensor(dtype, [257], (i) => i / 512)]);
        const places = [-1, 0, 256];
        const items = places.map((place): HostItem => {
          const average = hostTensor('float32', [257], (i) => (i === place ? 9 : i / 512));
          return { average, live: 0, weight: 0.5 };
        });
        const result = await backend.average(await itemsOf(backend, items, lives));
        check(result.kind === 'averaged', `average, ${dtype}[257]: refused finite numbers.`);
        places.forEach((place, n) => {
          const hasMoved = result.items[n]?.hasMoved;
          check(
            hasMoved === place >= 0,
            `average, ${dtype}[257]: item ${n}: hasMoved is ${hasMoved}.`,
          );
        });
        await disposeItems(backend, result.items);
        await backend.dispose(lives);
      }
    },
  },
];
