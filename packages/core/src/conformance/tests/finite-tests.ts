// Conformance: allFinite finds what is not finite, and nothing else.
import { halfValue } from '../../tensor/half.js';
import { formatSpec } from '../../tensor/tensor.js';
import type { HostTensor } from '../../tensor/tensor.js';
import type { Backend } from '../../backend.js';
import { check, checkSameBits, hostTensor, values } from '../check.js';
import {
  dtypeOf,
  floatingDtypes,
  halfDtypes,
  integerDtypes,
  parametersOf,
  withoutHalf,
  withoutIntegers,
} from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { disposeItems, itemsOf, made } from '../updates.js';

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
        const sums = hostTensor(dtype, [300], () => (dtype === 'float64' ? 1e308 : 3e38));
        const empty = hostTensor(dtype, [0], () => 0);
        const far = hostTensor(dtype, [200_003], (index) => (index === 200_002 ? NaN : 1));
        await checkFinite(
          backend,
          [largest, ...bad, sums, empty, far],
          [true, ...bad.map(() => false), true, true, false],
        );
      }
    },
  },
  {
    name: 'takes all integers for finite',
    skip: withoutIntegers,
    async run({ backend }) {
      // Of a float of their size, these would be the bits of NaN.
      const integers = integerDtypes(backend).map((dtype) => {
        const tensor = hostTensor(dtype, [64], () => 1);
        if (dtype !== 'bool') new Uint8Array(tensor.data.buffer).fill(0xff);
        return tensor;
      });
      await checkFinite(
        backend,
        integers,
        integers.map(() => true),
      );
    },
  },
  {
    name: 'looks anew each time whether a tensor is finite, and only reads it',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const good = hostTensor(dtype, [33], values(1));
      const bad = hostTensor(dtype, [33], (i) => (i === 7 ? NaN : i === 8 ? Infinity : i));
      const look = async <T>(
        by: Backend<T>,
        handle: T,
        holds: HostTensor,
        what: string,
      ): Promise<void> => {
        const [found] = await by.allFinite([handle]);
        const [expected, spec] = [holds === good, formatSpec(holds)];
        check(found === expected, `allFinite of ${what}, ${spec}: ${found}, expected ${expected}.`);
        checkSameBits(await by.download([handle]), [holds], `allFinite of ${what}: what it read`);
      };
      const [parameter] = await parametersOf(harness, [good]);
      check(parameter !== undefined, `parameter of ${formatSpec(good)}: nothing was made.`);
      await look(backend, parameter.get(), good, 'a parameter');
      const others = await backend.upload([bad]);
      const held = await backend.swap([parameter], others);
      await look(backend, parameter.get(), bad, 'a parameter after a swap');
      const back = await backend.swap([parameter], held);
      await look(backend, parameter.get(), good, 'a parameter after two swaps');

      const item = { average: good, live: 0, weight: 1 };
      const items = await itemsOf(backend, [item], others);
      const [finite] = await backend.allFinite(items.map(({ average }) => average));
      check(finite === true, `allFinite of an average, ${formatSpec(good)}: ${finite}.`);
      const moved = await made(backend, items, { allowNonFinite: true });
      const [found] = await backend.allFinite(moved.map(({ average }) => average));
      check(found === false, `allFinite of a new average, ${formatSpec(good)}: ${found}.`);
      await disposeItems(backend, moved);
      await backend.dispose([...others, ...held, ...back]);
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
        bad.push(...[NaN, Infinity].map((value) => hostTensor(dtype, [], () => value)));
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
