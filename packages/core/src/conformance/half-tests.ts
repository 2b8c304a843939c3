// Conformance: half-precision live tensors, where a backend has them. Their averages are float32.
import type { Backend } from '../backend.js';
import type { DType, HostTensor } from '../tensor.js';
import { values } from './averaging-tests.js';
import { check, checkAveraged, checkSameBits, hostTensor } from './check.js';
import { halfValue } from '../half.js';
import { halfDtypes } from './harness.js';
import type { HarnessTest } from './harness.js';

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
  checkSameBits(await backend.download(handles), tensors, 'what was cast');
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

export const halfTests: readonly HarnessTest[] = [
  {
    name: 'casts every half-precision number to float32 and back',
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
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        const numbers = [...betweenNumbers(dtype), 0, -0, 3e38, -3e38, Infinity];
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
    name: 'casts a list of many shapes, in its order',
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
        const end = await harness.liveTensors();
        check(end === start, `${end} tensors are alive at the end, ${start} were at the start.`);
      }
    },
  },
  {
    name: 'averages half-precision live tensors in float32',
    async run(harness) {
      const { backend } = harness;
      for (const dtype of halfDtypes(backend)) {
        // Some far below float16's least normal number, where a kernel in half precision would lose
        // them.
        const lives = SHAPES.map((shape, n) =>
          hostTensor(dtype, shape, (index) => values(n)(index) / 16),
        );
        const averages = SHAPES.map((shape, n) => hostTensor('float32', shape, values(n + 50)));
        const parameters = await Promise.all(
          lives.map((live, n) => harness.parameter(`half${n}`, live)),
        );
        const handles = parameters.map((parameter) => parameter.get());
        for (const weight of [0, 1e-4, 1 / 3, 1]) {
          const moved = await backend.average(await backend.upload(averages), handles, weight);
          const found = await backend.download(moved);
          found.forEach((tensor, n) => {
            const wide = { ...(lives[n] as HostTensor), dtype: 'float32' as const };
            const data = Float32Array.from(wide.data as Uint16Array, (bits) =>
              halfValue(dtype, bits),
            );
            checkAveraged(
              tensor,
              averages[n] as HostTensor,
              { ...wide, data },
              weight,
              `${dtype}, weight ${weight}`,
            );
          });
          await backend.dispose(moved);
        }
        checkSameBits(await backend.download(handles), lives, 'live');
      }
    },
  },
  {
    name: 'compensated, averages half-precision live tensors to 1e-9',
    async run({ backend }) {
      if (backend.averageCompensated === undefined) return;
      for (const dtype of halfDtypes(backend)) {
        const weight = Math.fround(1e-4);
        let state = {
          averages: await backend.upload([hostTensor('float32', [67], () => 1)]),
          residuals: await backend.upload([hostTensor('float32', [67], () => 0)]),
        };
        const live = hostTensor(dtype, [67], (index) => 1.5 + index / 64);
        const lives = await backend.upload([live]);
        for (let n = 0; n < 1000; n += 1) {
          state = await backend.averageCompensated(state.averages, state.residuals, lives, weight);
        }
        const [averages, residuals] = await backend.download([
          ...state.averages,
          ...state.residuals,
        ]);
        live.data.forEach((bits: number | bigint, index: number) => {
          const value = halfValue(dtype, Number(bits));
          const expected = value + (1 - value) * (1 - weight) ** 1000;
          const found = Number(averages?.data[index]) + Number(residuals?.data[index]);
          check(
            Math.abs(found / expected - 1) < 1e-9,
            `${dtype}: element ${index} is ${found}, expected ${expected}.`,
          );
        });
        await backend.dispose([...state.averages, ...state.residuals, ...lives]);
      }
    },
  },
  {
    name: 'finds NaN and infinities among half-precision numbers, and only there',
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        const largest = allNumbers(dtype).filter(Number.isFinite);
        const bad = [NaN, Infinity, -Infinity].flatMap((value) =>
          [0, 16, 256].map((place) => hostTensor(dtype, [257], (i) => (i === place ? value : 1))),
        );
        const empty = hostTensor(dtype, [0], () => 0);
        const handles = await backend.upload([vector(dtype, largest), ...bad, empty]);
        const found = await backend.allFinite(handles);
        const expected = [true, ...bad.map(() => false), true];
        check(
          expected.join() === found.join(),
          `allFinite, ${dtype}: ${found.join()}, expected ${expected.join()}.`,
        );
        await backend.dispose(handles);
      }
    },
  },
];
