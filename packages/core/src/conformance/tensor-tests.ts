// Conformance: tensors keep their elements through upload, download, clone and swap.
import type { HostTensor } from '../tensor.js';
import { isFloating } from '../tensor.js';
import { check, checkSameBits, hostTensor, SPECIAL } from './check.js';
import type { HarnessTest } from './harness.js';

const SHAPES = [[], [0], [1], [3], [2, 3, 4], [17], [1025]];

/** Tensors of every dtype the backend declares, of many shapes, each with its own values. */
function samples(dtypes: readonly HostTensor['dtype'][], offset = 0): readonly HostTensor[] {
  return dtypes.flatMap((dtype) =>
    SHAPES.map((shape, n) =>
      hostTensor(dtype, shape, (index) =>
        isFloating(dtype)
          ? (SPECIAL[(index + n + offset) % SPECIAL.length] ?? 0)
          : (index + n + offset) % 2,
      ),
    ),
  );
}

export const tensorTests: readonly HarnessTest[] = [
  {
    name: 'declares specVersion 1, a name and at least one floating dtype',
    async run({ backend }) {
      check(backend.specVersion === 1, `specVersion is ${String(backend.specVersion)}.`);
      check(backend.name.length > 0, 'The name is empty.');
      check(
        backend.dtypes.some(isFloating),
        `No floating dtype among ${backend.dtypes.join(', ')}.`,
      );
    },
  },
  {
    name: 'keeps every element through upload and download, NaN, infinities and -0 too',
    async run({ backend }) {
      const tensors = samples(backend.dtypes);
      const handles = await backend.upload(tensors);
      checkSameBits(await backend.download(handles), tensors, 'download');
      tensors.forEach((tensor, index) => {
        const spec = backend.spec(handles[index] as (typeof handles)[number]);
        checkSameBits([{ ...tensor, ...spec }], [tensor], 'spec');
      });
      await backend.dispose(handles);
    },
  },
  {
    name: 'uploads a copy: later writes to the host array do not reach the tensor',
    async run({ backend }) {
      const tensor = hostTensor('float32', [5], (index) => index);
      const handles = await backend.upload([tensor]);
      tensor.data.fill(9 as never);
      checkSameBits(
        await backend.download(handles),
        [hostTensor('float32', [5], (index) => index)],
        'upload',
      );
      await backend.dispose(handles);
    },
  },
  {
    name: 'downloads a copy: later updates do not reach it',
    async run({ backend }) {
      const [average, live] = [
        hostTensor('float32', [5], (index) => index),
        hostTensor('float32', [5], () => 7),
      ];
      const averages = await backend.upload([average]);
      const lives = await backend.upload([live]);
      const before = await backend.download(averages);
      const after = await backend.average(averages, lives, 0.5);
      checkSameBits(before, [average], 'download');
      await backend.dispose([...after, ...lives]);
    },
  },
  {
    name: 'clones bit for bit, and later changes of either do not reach the other',
    async run(harness) {
      const { backend } = harness;
      const tensors = samples(backend.dtypes);
      const parameters = await Promise.all(
        tensors.map((tensor, index) => harness.parameter(`clone${index}`, tensor)),
      );
      const clones = await backend.clone(parameters.map((parameter) => parameter.get()));
      const others = samples(backend.dtypes, 1);
      const held = await backend.swap(parameters, await backend.upload(others));
      checkSameBits(await backend.download(clones), tensors, 'clone');

      const live = await harness.parameter(
        'live',
        hostTensor('float32', [3], (index) => index),
      );
      const cloned = await backend.clone([live.get()]);
      const target = await backend.upload([hostTensor('float32', [3], () => 5)]);
      const moved = await backend.average(cloned, target, 1);
      checkSameBits(
        await backend.download([live.get()]),
        [hostTensor('float32', [3], (index) => index)],
        'the original of a clone that was averaged',
      );
      await backend.dispose([...clones, ...held, ...moved, ...target]);
    },
  },
  {
    name: 'swaps bit for bit in the order of the lists, and twice is the identity',
    async run(harness) {
      const { backend } = harness;
      const live = samples(backend.dtypes);
      const other = samples(backend.dtypes, 3);
      const parameters = await Promise.all(
        live.map((tensor, index) => harness.parameter(`p${index}`, tensor)),
      );
      const held = await backend.swap(parameters, await backend.upload(other));
      checkSameBits(await backend.download(held), live, 'what swap returned');
      checkSameBits(
        await backend.download(parameters.map((p) => p.get())),
        other,
        'the parameters',
      );
      const back = await backend.swap(parameters, held);
      checkSameBits(await backend.download(back), other, 'what the second swap returned');
      checkSameBits(
        await backend.download(parameters.map((p) => p.get())),
        live,
        'the parameters, swapped back',
      );
      await backend.dispose(back);
    },
  },
  {
    name: 'keeps nothing alive that it was told to dispose of',
    async run(harness) {
      const { backend } = harness;
      const tensors = samples(backend.dtypes);
      const parameters = await Promise.all(
        tensors.map((tensor, index) => harness.parameter(`p${index}`, tensor)),
      );
      const before = await harness.liveTensors();
      for (let round = 0; round < 3; round += 1) {
        const uploads = await backend.upload(tensors);
        const clones = await backend.clone(parameters.map((parameter) => parameter.get()));
        await backend.download(clones);
        await backend.allFinite(clones);
        const held = await backend.swap(parameters, await backend.swap(parameters, clones));
        await backend.dispose([...uploads, ...held]);
      }
      const after = await harness.liveTensors();
      check(after === before, `${after} tensors are alive, ${before} were before.`);
    },
  },
  {
    name: 'takes empty lists',
    async run({ backend }) {
      check((await backend.upload([])).length === 0, 'upload');
      check((await backend.download([])).length === 0, 'download');
      check((await backend.clone([])).length === 0, 'clone');
      check((await backend.allFinite([])).length === 0, 'allFinite');
      check((await backend.average([], [], 0.5)).length === 0, 'average');
      check((await backend.swap([], [])).length === 0, 'swap');
      await backend.dispose([]);
    },
  },
];
