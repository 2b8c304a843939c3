// Conformance: casts between half precision and float32.
import type { Backend } from '../../backend.js';
import { halfBits, halfValue } from '../../tensor/half.js';
import { formatSpec } from '../../tensor/tensor.js';
import type { DType, HostTensor } from '../../tensor/tensor.js';
import { check, checkAlive, checkSameBits, hostTensor, numbersOf, specsOf } from '../check.js';
import { halfDtypes, withoutHalf } from '../harness.js';
import type { HarnessTest } from '../harness.js';

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

const SHAPES = [[], [0], [1], [3], [2, 3, 4], [1025], [20_001]];

/** Around the largest number of float16, where rounding makes infinities. */
const EDGES = [65_503, 65_504, 65_505, 65_519, 65_519.99, 65_520, 65_536, -65_519, -65_520];

export const castTests: readonly HarnessTest[] = [
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
];
