// Conformance: tensors keep their elements through upload, download and clone.
import type { Backend } from '../../backend.js';
import { isFloating } from '../../tensor/tensor.js';
import type { DType, HostTensor, TensorSpec } from '../../tensor/tensor.js';
import { check, checkAlive, checkSameBits, checkSameSpecs, hostTensor, specsOf } from '../check.js';
import { dtypeOf, heldBy, integerDtypes, parametersOf, withoutIntegers } from '../harness.js';
import type { BackendHarness, HarnessTest } from '../harness.js';
import { samples } from '../samples.js';

/** The dtype's 0, 1, 2, 3 and 4. */
const counting = (dtype: DType): HostTensor => hostTensor(dtype, [5], (index) => index);

const sevens = (dtype: DType): HostTensor => hostTensor(dtype, [5], () => 7);

/** Throws unless the handles are of the specs. */
function checkSpecs<T>(
  backend: Backend<T>,
  handles: readonly T[],
  expected: readonly TensorSpec[],
  what: string,
): void {
  checkSameSpecs(
    handles.map((handle) => backend.spec(handle)),
    expected,
    `spec of what ${what}`,
  );
}

/** Throws unless the tensors are counted until they are disposed of. */
async function checkCounted<T>(
  harness: BackendHarness<T>,
  tensors: readonly T[],
  what: string,
): Promise<void> {
  const { backend } = harness;
  const specs = specsOf(tensors.map((tensor) => backend.spec(tensor)));
  for (const tensor of tensors) {
    const before = await harness.liveTensors();
    await backend.dispose([tensor]);
    const after = await harness.liveTensors();
    check(
      after < before,
      `liveTensors: ${after} after dispose of one of ${specs} that ${what}, ${before} before.`,
    );
  }
}

export const tensorTests: readonly HarnessTest[] = [
  {
    name: 'keeps every element through upload and download, NaN, infinities and -0 too',
    async run({ backend }) {
      const floating = backend.dtypes.filter(isFloating);
      const [tensors, given] = [samples(floating), samples(floating)];
      const handles = await backend.upload(given);
      checkSameBits(given, tensors, 'upload: what was uploaded');
      checkSpecs(backend, handles, tensors, 'upload made');
      checkSameBits(await backend.download(handles), tensors, 'upload and download');
      const views = backend.hostViews?.(handles) ?? tensors;
      checkSameBits(views, tensors, 'hostViews');
      await backend.dispose(handles);
    },
  },
  {
    name: 'keeps integers that no float can hold',
    skip: withoutIntegers,
    async run({ backend }) {
      const tensors = samples(integerDtypes(backend));
      const handles = await backend.upload(tensors);
      checkSpecs(backend, handles, tensors, 'upload made');
      checkSameBits(await backend.download(handles), tensors, 'upload and download');
      const clones = await backend.clone(handles);
      checkSameBits(await backend.download(clones), tensors, 'clone');
      await backend.dispose([...handles, ...clones]);
    },
  },
  {
    name: 'uploads a copy: later writes to the host array do not reach the tensor',
    async run({ backend }) {
      const dtype = dtypeOf(backend);
      const tensor = counting(dtype);
      const handles = await backend.upload([tensor]);
      tensor.data.fill(9 as never);
      checkSameBits(await backend.download(handles), [counting(dtype)], 'upload');
      await backend.dispose(handles);
    },
  },
  {
    name: 'uploads what a view shows, and not its whole buffer',
    async run({ backend }) {
      const whole = backend.dtypes.map((dtype) => hostTensor(dtype, [12], (index) => index % 2));
      const views = whole.map(({ dtype, data }) => ({
        dtype,
        shape: [5],
        data: data.subarray(3, 8),
      }));
      const handles = await backend.upload(views);
      const expected = views.map((view) => ({ ...view, data: view.data.slice() }));
      checkSameBits(await backend.download(handles), expected, 'upload of a view');
      await backend.dispose(handles);
    },
  },
  {
    name: 'downloads a copy: neither later updates nor writes to it reach the other',
    async run({ backend }) {
      const dtype = dtypeOf(backend);
      const [average, live] = await backend.upload([counting(dtype), sevens(dtype)]);
      check(average !== undefined && live !== undefined, `upload of ${dtype}[5]: made nothing.`);
      const [written] = await backend.download([average]);
      written?.data.fill(9 as never);
      const before = await backend.download([average]);
      checkSameBits(before, [counting(dtype)], 'download, twice');
      const after = await backend.average([{ average, live, weight: 0.5 }]);
      checkSameBits(before, [counting(dtype)], 'download, then average');
      check(after.kind === 'averaged', `average of ${dtype}[5]: refused finite numbers.`);
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
      checkSpecs(backend, clones, tensors, 'clone made');
      checkSameBits(await backend.download(clones), tensors, 'clone');
      const others = await backend.upload(samples(backend.dtypes, 1));
      const held = await backend.swap(parameters, others);
      checkSpecs(backend, held, tensors, 'swap returned');
      checkSameBits(await backend.download(clones), tensors, 'clone, then swap');

      const dtype = dtypeOf(backend);
      const [original, goal] = await backend.upload([counting(dtype), sevens(dtype)]);
      check(original !== undefined && goal !== undefined, `upload of ${dtype}[5]: made nothing.`);
      const [average] = await backend.clone([original]);
      check(average !== undefined, `clone of ${dtype}[5]: made nothing.`);
      const moved = await backend.average([{ average, live: goal, weight: 1 }]);
      check(moved.kind === 'averaged', `average of ${dtype}[5]: refused finite numbers.`);
      checkSameBits(
        await backend.download([original]),
        [counting(dtype)],
        'clone, then average: the original',
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
        await backend.dispose([...uploads, ...clones]);
      }
      await checkAlive(harness, before, `upload, clone and dispose of ${specsOf(tensors)}`);
      checkSameBits(await heldBy(harness, parameters), tensors, 'dispose of clones: the originals');
    },
  },
  {
    name: 'counts every tensor that it makes until it is disposed of',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const tensors = [1, 2, 3].map((extent) => hostTensor(dtype, [extent], (index) => index));
      const parameters = await parametersOf(harness, tensors);
      const uploads = await backend.upload(tensors);
      const clones = await backend.clone(uploads);
      const casts = await backend.cast?.(
        uploads,
        tensors.map(() => dtype),
      );
      const residuals = await backend.upload(
        tensors.map(({ shape }) => hostTensor(dtype, shape, () => 0)),
      );
      const items = (await backend.clone(uploads)).map((average, n) => {
        const residual = residuals[n] as typeof average;
        const item = { average, live: uploads[n] as typeof average, weight: 0.5 };
        return backend.canCompensate ? { ...item, residual } : item;
      });
      const result = await backend.average(items);
      check(result.kind === 'averaged', `average of ${specsOf(tensors)}: refused finite numbers.`);
      const averages = result.items.map((item) => item.average);
      checkSpecs(backend, averages, tensors, 'average made');
      const left = backend.canCompensate
        ? result.items.flatMap(({ residual }) => (residual === undefined ? [] : [residual]))
        : residuals;
      const others = await backend.upload(tensors);
      const held = await backend.swap(parameters, others);
      await backend.dispose(others);
      const kinds = { clone: clones, cast: casts ?? [], average: averages, swap: held };
      for (const [method, made] of Object.entries(kinds)) {
        await checkCounted(harness, made, `${method} made`);
      }
      await checkCounted(harness, left, 'were residuals');
      await checkCounted(harness, uploads, 'upload made');
    },
  },
];
