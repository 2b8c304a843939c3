// Conformance: every tensor of a list is treated alike, however many there are and whichever.
import { formatSpec } from '../../tensor/tensor.js';
import type { HostTensor } from '../../tensor/tensor.js';
import { check, checkAlive, checkSameBits, hostTensor, specsOf, values } from '../check.js';
import { dtypeOf, floatingDtypes, heldBy, parametersOf } from '../harness.js';
import type { HarnessTest } from '../harness.js';
import { checkUpdate, disposeItems, itemsOf } from '../updates.js';
import type { HostItem } from '../updates.js';

/** More than the 64, 128 and 256 that fit into a bit mask, a run or a byte. */
const LENGTH = 300;

const shapeAt = (n: number): readonly number[] => [1 + (n % 7), 3];

function longList(dtype: HostTensor['dtype'], seed: number): readonly HostTensor[] {
  return Array.from({ length: LENGTH }, (_, n) => hostTensor(dtype, shapeAt(n), values(seed + n)));
}

/** Whether it is the third, sixth and so on; the fifth, tenth and so on. */
const isThird = (n: number): boolean => n % 3 === 2;
const isFifth = (n: number): boolean => n % 5 === 4;

export const listTests: readonly HarnessTest[] = [
  {
    name: 'uploads, clones, swaps and downloads each tensor of a long list',
    async run(harness) {
      const { backend } = harness;
      const [live, other] = [longList(dtypeOf(backend), 1), longList(dtypeOf(backend), 1000)];
      const parameters = await parametersOf(harness, live);
      const start = await harness.liveTensors();
      const tensors = await backend.upload(other);
      checkSameBits(await backend.download(tensors), other, 'upload and download');
      const clones = await backend.clone(tensors);
      await backend.dispose(tensors);
      checkSameBits(await backend.download(clones), other, 'clone');
      const held = await backend.swap(parameters, clones);
      checkSameBits(await backend.download(held), live, 'swap: what it returned');
      checkSameBits(await heldBy(harness, parameters), other, 'swap: the parameters');
      await backend.dispose(await backend.swap(parameters, held));
      await backend.dispose([...clones, ...held]);
      await checkAlive(harness, start, `dispose of ${specsOf(live)}`);
    },
  },
  {
    name: 'finds what is not finite in each tensor of a long list',
    async run({ backend }) {
      const tensors = longList(dtypeOf(backend), 1).map((tensor, n) =>
        isThird(n) ? hostTensor(tensor.dtype, tensor.shape, (i) => (i === 2 ? NaN : i)) : tensor,
      );
      const handles = await backend.upload(tensors);
      const found = await backend.allFinite(handles);
      tensors.forEach((tensor, n) => {
        check(
          found[n] === !isThird(n),
          `allFinite: tensor ${n} of ${LENGTH}, ${formatSpec(tensor)}: ${found[n]}, ` +
            `expected ${!isThird(n)}.`,
        );
      });
      await backend.dispose(handles);
    },
  },
  {
    name: 'moves each item of a long list by its own weight',
    async run({ backend }) {
      for (const dtype of floatingDtypes(backend)) {
        const live = longList(dtype, 0);
        const lives = await backend.upload(live);
        const items = live.map(({ shape }, n) => {
          const average = hostTensor(dtype, shape, values(n + 500));
          return { average, live: n, weight: (n + 1) / (LENGTH + 1) };
        });
        await checkUpdate(backend, items, lives, live);
        await backend.dispose(lives);
      }
    },
  },
  {
    name: 'says of each item of a long list whether it moved and whether it is finite',
    async run({ backend }) {
      const dtype = dtypeOf(backend);
      const averages = longList(dtype, 1);
      const live = averages.map((tensor, n) =>
        hostTensor(dtype, tensor.shape, (i) => {
          const isChanged = i === 2 && (isThird(n) || isFifth(n));
          return isChanged ? (isFifth(n) ? NaN : 0.123) : values(n + 1)(i);
        }),
      );
      const bad = live.flatMap((_, n) => (isFifth(n) ? [n] : []));
      const items = averages.map((average, n): HostItem => ({ average, live: n, weight: 0.5 }));
      const lives = await backend.upload(live);
      const handles = await itemsOf(backend, items, lives);
      const refused = await backend.average(handles);
      const what = `average of ${specsOf(averages)}`;
      check(refused.kind === 'refused', `${what}: made an update that is not finite.`);
      check(
        refused.nonFinite.join() === bad.join(),
        `${what}: refused the items ${refused.nonFinite.join()}, expected ${bad.join()}.`,
      );
      const result = await backend.average(handles, { allowNonFinite: true });
      check(result.kind === 'averaged', `${what}, allowNonFinite: refused.`);
      result.items.forEach(({ isFinite, hasMoved }, n) => {
        const isRight = isFinite !== isFifth(n) && hasMoved === (isThird(n) || isFifth(n));
        check(
          isRight,
          `average: item ${n} of ${LENGTH}, ${formatSpec({ dtype, shape: shapeAt(n) })}: ` +
            `isFinite is ${isFinite}, hasMoved is ${hasMoved}.`,
        );
      });
      await disposeItems(backend, result.items);
      await backend.dispose(lives);
    },
  },
  {
    name: 'makes two tensors of one that occurs twice in a list',
    async run(harness) {
      const { backend } = harness;
      const dtype = dtypeOf(backend);
      const tensor = hostTensor(dtype, [5], values(1));
      const twice = [tensor, tensor];
      const live = [2, 3].map((seed) => hostTensor(dtype, [5], values(seed)));
      const parameters = await parametersOf(harness, live);
      const start = await harness.liveTensors();
      const [first, second] = await backend.upload(twice);
      check(first !== undefined && second !== undefined, `upload of ${specsOf(twice)}: made none.`);
      await backend.dispose([first]);
      checkSameBits(await backend.download([second, second]), twice, 'download, one twice');
      const isFinite = await backend.allFinite([second, second]);
      check(
        isFinite.join() === 'true,true',
        `allFinite of ${specsOf(twice)}, one twice: ${isFinite.join()}, expected true,true.`,
      );
      const clones = await backend.clone([second, second]);
      const casts = (await backend.cast?.([second, second], [dtype, dtype])) ?? [];
      await backend.dispose([...clones.slice(0, 1), ...casts.slice(0, 1)]);
      checkSameBits(await backend.download(clones.slice(1)), [tensor], 'clone, one twice');
      const cast = await backend.download(casts.slice(1));
      checkSameBits(cast, [tensor].slice(0, cast.length), 'cast, one twice');

      const held = await backend.swap(parameters, [second, second]);
      checkSameBits(await backend.download(held), live, 'swap, one twice: what it returned');
      const back = await backend.swap(parameters.slice(0, 1), held.slice(0, 1));
      checkSameBits(
        await heldBy(harness, parameters),
        [live[0] as HostTensor, tensor],
        'swap of one of two parameters that were given one tensor',
      );
      await backend.dispose([second, ...clones.slice(1), ...casts.slice(1), ...held, ...back]);
      await checkAlive(harness, start, `dispose of ${specsOf(twice)}, one twice`);
    },
  },
];
