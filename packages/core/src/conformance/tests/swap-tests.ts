// Conformance: a swap exchanges contents, keeps the tensors it was given, and is all or nothing.
import type { Parameter } from '../../parameter.js';
import type { HostTensor } from '../../tensor/tensor.js';
import {
  check,
  checkAlive,
  checkSameBits,
  checkThrows,
  hostTensor,
  specsOf,
  values,
} from '../check.js';
import { dtypeOf, heldBy, parametersOf, ticks, withSet } from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { samples } from '../samples.js';

/** How a place can refuse: before or after it took the contents, now or later. */
type Refusal = 'throws' | 'rejects' | 'takes and throws' | 'takes and rejects';

const REFUSALS: readonly Refusal[] = ['throws', 'rejects', 'takes and throws', 'takes and rejects'];

/** The parameters, of which one refuses what it is given the first time. */
function refusingOnce<T>(
  parameters: readonly Parameter<T>[],
  place: number,
  refusal: Refusal,
): readonly Parameter<T>[] {
  let isDue = true;
  return parameters.map((parameter, index) => {
    if (index !== place) return parameter;
    return withSet(parameter, (tensor) => {
      if (!isDue) return parameter.set(tensor);
      isDue = false;
      const error = new Error('This place refuses.');
      const taken = refusal.startsWith('takes') ? parameter.set(tensor) : undefined;
      if (refusal.endsWith('throws')) {
        if (taken === undefined) throw error;
        return taken.then(() => {
          throw error;
        });
      }
      return Promise.resolve(taken).then(async () => {
        await ticks();
        throw error;
      });
    });
  });
}

export const swapTests: readonly HarnessTest[] = [
  {
    name: 'swaps bit for bit in the order of the lists, and twice is the identity',
    async run(harness) {
      const { backend } = harness;
      const [live, other] = [samples(backend.dtypes), samples(backend.dtypes, 3)];
      const parameters = await parametersOf(harness, live);
      const tensors = await backend.upload(other);
      const held = await backend.swap(parameters, tensors);
      checkSameBits(await backend.download(held), live, 'swap: what it returned');
      checkSameBits(await heldBy(harness, parameters), other, 'swap: the parameters');
      checkSameBits(await backend.download(tensors), other, 'swap: the tensors');
      const back = await backend.swap(parameters, held);
      checkSameBits(await backend.download(back), other, 'swap: what the second returned');
      checkSameBits(await heldBy(harness, parameters), live, 'swap, twice: the parameters');
      await backend.dispose([...tensors, ...held, ...back]);
      checkSameBits(await heldBy(harness, parameters), live, 'swap, twice, and dispose');
    },
  },
  {
    name: 'swaps contents that stay when the tensors are disposed of',
    async run(harness) {
      const { backend } = harness;
      const [live, other] = [samples(backend.dtypes), samples(backend.dtypes, 3)];
      const parameters = await parametersOf(harness, live);
      const tensors = await backend.upload(other);
      const held = await backend.swap(parameters, tensors);
      await backend.dispose(tensors);
      // What is made next may lie where the tensors lay.
      const next = await backend.upload(samples(backend.dtypes, 5));
      checkSameBits(await heldBy(harness, parameters), other, 'swap, then dispose: the parameters');
      checkSameBits(await backend.download(held), live, 'swap, then dispose: what it returned');
      await backend.dispose([...next, ...held]);
    },
  },
  {
    name: 'swaps contents that later updates of the tensors do not reach',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const [live, other, target] = [1, 2, 3].map((seed) =>
        hostTensor(dtype, [33], values(seed)),
      ) as [HostTensor, HostTensor, HostTensor];
      const parameters = await parametersOf(harness, [live]);
      const [average, goal] = await backend.upload([other, target]);
      check(average !== undefined && goal !== undefined, `upload of ${dtype}[33]: made nothing.`);
      const held = await backend.swap(parameters, [average]);
      const result = await backend.average([{ average, live: goal, weight: 0.5 }]);
      check(result.kind === 'averaged', `average of ${dtype}[33]: refused finite numbers.`);
      checkSameBits(await heldBy(harness, parameters), [other], 'swap, then average');
      checkSameBits(await backend.download(held), [live], 'swap, then average: what it returned');
      await backend.dispose([...held, goal, ...result.items.map((item) => item.average)]);
    },
  },
  {
    name: 'lets every parameter hold what it held where one refuses, and leaks nothing',
    async run(harness) {
      const { backend } = harness;
      const [live, other] = [samples(backend.dtypes), samples(backend.dtypes, 3)];
      const parameters = await parametersOf(harness, live);
      const tensors = await backend.upload(other);
      const start = await harness.liveTensors();
      for (const place of [0, live.length >> 1, live.length - 1]) {
        for (const refusal of REFUSALS) {
          const what = `swap of ${specsOf(live)}, where set ${refusal} at ${place}`;
          const refusing = refusingOnce(parameters, place, refusal);
          await checkThrows(async () => backend.swap(refusing, tensors), what);
          checkSameBits(await heldBy(harness, parameters), live, `${what}: the parameters`);
          checkSameBits(await backend.download(tensors), other, `${what}: the tensors`);
          await checkAlive(harness, start, what);
        }
      }
      await backend.dispose(tensors);
    },
  },
  {
    name: 'waits for a set that takes its time',
    async run(harness) {
      const { backend } = harness;
      const [live, other] = [samples(backend.dtypes), samples(backend.dtypes, 3)];
      const parameters = await parametersOf(harness, live);
      let pending = 0;
      const slow = parameters.map((parameter) =>
        withSet(parameter, async (tensor) => {
          pending += 1;
          await ticks();
          await parameter.set(tensor);
          pending -= 1;
        }),
      );
      const tensors = await backend.upload(other);
      const held = await backend.swap(slow, tensors);
      const what = `swap of ${specsOf(live)}`;
      check(pending === 0, `${what}: returned while ${pending} parameters were not yet set.`);
      checkSameBits(await heldBy(harness, parameters), other, 'swap, slow: the parameters');
      checkSameBits(await backend.download(held), live, 'swap, slow: what it returned');

      const refusing = refusingOnce(slow, live.length - 1, 'rejects');
      await checkThrows(async () => backend.swap(refusing, held), `${what}, where set rejects`);
      check(pending === 0, `${what}: rejected while ${pending} parameters were not yet set back.`);
      checkSameBits(await heldBy(harness, parameters), other, 'swap, slow and refused');
      await backend.dispose([...tensors, ...held]);
    },
  },
  {
    name: 'keeps as many tensors alive after ten swaps as after one',
    async run(harness) {
      const { backend } = harness;
      const live = samples(backend.dtypes);
      const parameters = await parametersOf(harness, live);
      const start = await harness.liveTensors();
      const tensors = await backend.upload(samples(backend.dtypes, 3));
      for (let n = 0; n < 10; n += 1) {
        const held = await backend.swap(parameters, tensors);
        const taken = await backend.swap(parameters, held);
        await backend.dispose([...held, ...taken]);
      }
      await backend.dispose(tensors);
      await checkAlive(harness, start, `swap of ${specsOf(live)}, 20 times, and dispose`);
    },
  },
];
