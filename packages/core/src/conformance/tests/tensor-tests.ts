// Conformance: tensors keep their elements through upload, download and clone.
import { check, checkAlive, checkSameBits, hostTensor } from '../check.js';
import { heldBy, parametersOf } from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { samples } from '../samples.js';

const counting = (): ReturnType<typeof hostTensor> => hostTensor('float32', [5], (index) => index);

export const tensorTests: readonly HarnessTest[] = [
  {
    name: 'keeps every element through upload and download, NaN, infinities and -0 too',
    async run({ backend }) {
      const tensors = samples(backend.dtypes);
      const handles = await backend.upload(tensors);
      checkSameBits(await backend.download(handles), tensors, 'download');
      tensors.forEach((tensor, index) => {
        const spec = backend.spec(handles[index] as (typeof handles)[number]);
        checkSameBits([{ ...tensor, ...spec }], [tensor], `spec of tensor ${index}`);
      });
      await backend.dispose(handles);
    },
  },
  {
    name: 'uploads a copy: later writes to the host array do not reach the tensor',
    async run({ backend }) {
      const tensor = counting();
      const handles = await backend.upload([tensor]);
      tensor.data.fill(9 as never);
      checkSameBits(await backend.download(handles), [counting()], 'upload');
      await backend.dispose(handles);
    },
  },
  {
    name: 'uploads what a view shows, and not its whole buffer',
    async run({ backend }) {
      const data = Float32Array.from({ length: 12 }, (_, n) => n - 3).subarray(3, 8);
      const handles = await backend.upload([{ dtype: 'float32', shape: [5], data }]);
      checkSameBits(await backend.download(handles), [counting()], 'upload of a view');
      await backend.dispose(handles);
    },
  },
  {
    name: 'downloads a copy: neither later updates nor writes to it reach the other',
    async run({ backend }) {
      const [average, live] = await backend.upload([
        counting(),
        hostTensor('float32', [5], () => 7),
      ]);
      check(average !== undefined && live !== undefined, 'upload: made nothing.');
      const [written] = await backend.download([average]);
      written?.data.fill(9 as never);
      const before = await backend.download([average]);
      checkSameBits(before, [counting()], 'download, twice');
      const after = await backend.average([{ average, live, weight: 0.5 }]);
      checkSameBits(before, [counting()], 'download, then average');
      check(after.kind === 'averaged', 'average: refused finite numbers.');
      await backend.dispose([...after.items.map((item) => item.average), live]);
    },
  },
  {
    name: 'clones bit for bit, and later changes of either do not reach the other',
    async run(harness) {
      const { backend } = harness;
      const tensors = samples(backend.dtypes);
      const parameters = await parametersOf(harness, tensors);
      const clones = await backend.clone(parameters.map((parameter) => parameter.get()));
      checkSameBits(await backend.download(clones), tensors, 'clone');
      const others = await backend.upload(samples(backend.dtypes, 1));
      const held = await backend.swap(parameters, others);
      checkSameBits(await backend.download(clones), tensors, 'clone, then swap');

      const [original, goal] = await backend.upload([
        counting(),
        hostTensor('float32', [5], () => 7),
      ]);
      check(original !== undefined && goal !== undefined, 'upload: made nothing.');
      const [average] = await backend.clone([original]);
      check(average !== undefined, 'clone: made nothing.');
      const moved = await backend.average([{ average, live: goal, weight: 1 }]);
      check(moved.kind === 'averaged', 'average: refused finite numbers.');
      checkSameBits(
        await backend.download([original]),
        [counting()],
        'the original of a clone that was averaged',
      );
      await backend.dispose([original, goal, ...moved.items.map((item) => item.average)]);
      await backend.dispose([...clones, ...held, ...others]);
    },
  },
  {
    name: 'keeps nothing alive that it was told to dispose of',
    async run(harness) {
      const { backend } = harness;
      const tensors = samples(backend.dtypes);
      const parameters = await parametersOf(harness, tensors);
      const before = await harness.liveTensors();
      for (let round = 0; round < 3; round += 1) {
        const uploads = await backend.upload(tensors);
        const clones = await backend.clone(parameters.map((parameter) => parameter.get()));
        await backend.download(clones);
        await backend.allFinite(clones);
        const alive = await harness.liveTensors();
        check(alive > before, `upload, clone: ${alive} tensors are alive, as many as before.`);
        await backend.dispose([...uploads, ...clones]);
      }
      await checkAlive(harness, before, 'upload, clone and dispose');
      checkSameBits(await heldBy(harness, parameters), tensors, 'dispose of clones: the originals');
    },
  },
];
