// Conformance: half-precision live tensors, where a backend has them. Their averages are float32.
import type { HostTensor } from '../../tensor/tensor.js';
import { check, checkSameBits, hostTensor, values } from '../check.js';
import { halfDtypes, parametersOf, withoutHalf } from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { checkUntouched, checkUpdate, disposeItems, itemsOf } from '../updates.js';
import type { HostItem } from '../updates.js';

const SHAPES = [[], [0], [1], [3], [2, 3, 4], [1025], [20_001]];

/** Some are below float16's least normal number: a kernel in half precision would lose them. */
function livesOf(dtype: HostTensor['dtype']): readonly HostTensor[] {
  return SHAPES.map((shape, n) => hostTensor(dtype, shape, (index) => values(n)(index) / 16));
}

export const halfTests: readonly HarnessTest[] = [
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
