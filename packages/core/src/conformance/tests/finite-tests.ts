// Conformance: allFinite finds what is not finite, and nothing else.
import { halfValue } from '../../tensor/half.js';
import { formatSpec, isFloating } from '../../tensor/tensor.js';
import type { HostTensor } from '../../tensor/tensor.js';
import type { Backend } from '../../backend.js';
import { check, hostTensor } from '../check.js';
import { floatingDtypes, halfDtypes, withoutHalf } from '../harness.js';
import type { HarnessTest } from '../harness.js';

/** Throws unless allFinite says `expected` of each tensor. */
async function checkFinite<T>(
  backend: Backend<T>,
  tensors: readonly HostTensor[],
  expected: readonly boolean[],
): Promise<void> {
  const handles = await backend.upload(tensors);
  const found = await backend.allFinite(handles);
  check(
    found.length === tensors.length,
    `allFinite: ${found.length} answers, expected ${tensors.length}.`,
  );
  tensors.forEach((tensor, index) => {
    check(
      found[index] === expected[index],
      `allFinite: tensor ${index}, ${formatSpec(tensor)}: ${found[index]}, ` +
        `expected ${expected[index]}.`,
    );
  });
  await backend.dispose(handles);
}

export const finiteTests: readonly HarnessTest[] = [
  {
    name: 'finds NaN and infinities wherever they are, and only there',
    async run({ backend }) {
      for (const dtype of floatingDtypes(backend)) {
        const largest = hostTensor(dtype, [300], (index) => (index % 2 === 0 ? 3e38 : -3e38));
        const bad = [NaN, Infinity, -Infinity].flatMap((value) => [
          hostTensor(dtype, [], () => value),
          ...[0, 16, 255, 256].map((place) =>
            hostTensor(dtype, [257], (i) => (i === place ? value : 1)),
          ),
        ]);
        const sums = hostTensor(dtype, [300], () => 3e38);
        const empty = hostTensor(dtype, [0], () => 0);
        const far = hostTensor(dtype, [200_003], (index) => (index === 200_002 ? NaN : 1));
        await checkFinite(
          backend,
          [largest, ...bad, sums, empty, far],
          [true, ...bad.map(() => false), true, true, false],
        );
      }
      const integers = backend.dtypes
        .filter((dtype) => !isFloating(dtype))
        .map((dtype) => hostTensor(dtype, [3], () => 1));
      await checkFinite(
        backend,
        integers,
        integers.map(() => true),
      );
    },
  },
  {
    name: 'finds NaN and infinities among half-precision numbers, and only there',
    skip: withoutHalf,
    async run({ backend }) {
      for (const dtype of halfDtypes(backend)) {
        const finite = Array.from({ length: 65_536 }, (_, bits) => halfValue(dtype, bits)).filter(
          Number.isFinite,
        );
        const bad = [NaN, Infinity, -Infinity].flatMap((value) =>
          [0, 16, 256].map((place) => hostTensor(dtype, [257], (i) => (i === place ? value : 1))),
        );
        await checkFinite(
          backend,
          [
            hostTensor(dtype, [finite.length], (index) => finite[index] ?? 0),
            ...bad,
            hostTensor(dtype, [0], () => 0),
          ],
          [true, ...bad.map(() => false), true],
        );
      }
    },
  },
];
