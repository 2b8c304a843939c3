// Conformance: what a backend says of itself.
import { isFloating, isHalf } from '../../tensor/tensor.js';
import { check, hostTensor } from '../check.js';
import { dtypeOf } from '../harness.js';
import type { HarnessTest } from '../harness.js';

export const declarationTests: readonly HarnessTest[] = [
  {
    name: 'declares specVersion 1, a name and at least one floating dtype',
    async run({ backend }) {
      check(
        backend.specVersion === 1,
        `specVersion is ${String(backend.specVersion)}, expected 1.`,
      );
      check(backend.name.length > 0, 'name is empty, expected what really runs.');
      check(
        backend.dtypes.some(isFloating),
        `dtypes has no floating one: ${backend.dtypes.join(', ')}.`,
      );
      check(
        new Set(backend.dtypes).size === backend.dtypes.length,
        `dtypes has one twice: ${backend.dtypes.join(', ')}.`,
      );
      const half = backend.dtypes.find(isHalf);
      check(
        half === undefined || backend.dtypes.includes('float32'),
        `dtypes has ${half} without float32, which averages of ${half} are in.`,
      );
    },
  },
  {
    name: 'returns no promise where it declares isSynchronous',
    skip: ({ backend }) =>
      backend.isSynchronous ? undefined : `${backend.name} is not synchronous`,
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const parameter = await harness.parameter(
        'p',
        hostTensor(dtype, [3], (index) => index),
      );
      const plain = (method: string, value: unknown): void =>
        check(!(value instanceof Promise), `${method} of ${dtype}[3]: returned a promise.`);
      const uploaded = backend.upload([hostTensor(dtype, [3], (index) => index + 1)]);
      plain('upload', uploaded);
      const tensors = await uploaded;
      plain('download', backend.download(tensors));
      const cloned = backend.clone(tensors);
      plain('clone', cloned);
      plain('allFinite', backend.allFinite(tensors));
      const cast = backend.cast?.(tensors, [dtype]) ?? [];
      plain('cast', cast);
      const [average, live] = [(await cloned)[0], tensors[0]];
      check(average !== undefined && live !== undefined, `clone of ${dtype}[3]: returned nothing.`);
      const made = backend.average([{ average, live, weight: 0.5 }]);
      plain('average', made);
      const result = await made;
      check(result.kind === 'averaged', `average of ${dtype}[3]: refused finite numbers.`);
      const held = backend.swap([parameter], tensors);
      plain('swap', held);
      plain('dispose', backend.dispose(tensors));
      await backend.dispose([...(await held), ...(await cast)]);
      await backend.dispose(result.items.map((item) => item.average));
    },
  },
  {
    name: 'takes empty lists',
    async run({ backend }) {
      check((await backend.upload([])).length === 0, 'upload: made a tensor of nothing.');
      check((await backend.download([])).length === 0, 'download: made a tensor of nothing.');
      check((await backend.clone([])).length === 0, 'clone: made a tensor of nothing.');
      check((await backend.allFinite([])).length === 0, 'allFinite: found a tensor in nothing.');
      const made = await backend.average([]);
      check(
        made.kind === 'averaged' && made.items.length === 0,
        `average: ${made.kind} of no items, expected averaged with no items.`,
      );
      check((await backend.swap([], [])).length === 0, 'swap: returned a tensor of nothing.');
      const cast = (await backend.cast?.([], [])) ?? [];
      check(cast.length === 0, 'cast: made a tensor of nothing.');
      await backend.dispose([]);
    },
  },
];
