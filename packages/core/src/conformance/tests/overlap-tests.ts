// Conformance: calls that begin before others have ended do what each does alone.
import type { Awaitable } from '../../awaitable.js';
import type { AverageResult } from '../../backend.js';
import type { Parameter } from '../../parameter.js';
import { isFloating, isHalf } from '../../tensor/tensor.js';
import type { DType, HostTensor } from '../../tensor/tensor.js';
import {
  check,
  checkAlive,
  checkAveraged,
  checkSameBits,
  hostTensor,
  numbersOf,
  specsOf,
  values,
} from '../check.js';
import { heldBy, parametersOf, ticks, withSet } from '../harness.js';
import type { BackendHarness, HarnessTest } from '../harness.js';
import { checkUntouched, disposeItems, itemsOf } from '../updates.js';
import type { HostItem } from '../updates.js';

const SHAPES = [[33], [], [2, 3, 4], [257]];

/** What one of the calls that overlap is given: no other has the same values. */
interface Place<T> {
  readonly harness: BackendHarness<T>;
  /** Of the call, among those that overlap. */
  readonly index: number;
  /** What the parameters hold. */
  readonly live: readonly HostTensor[];
  readonly parameters: readonly Parameter<T>[];
}

/** Prepares a call: begun, it resolves to the check of what it came to, which frees all it made. */
type Call = <T>(place: Place<T>) => Awaitable<() => Promise<() => Awaitable<void>>>;

function tensorsOf(dtypes: readonly DType[], seed: number): readonly HostTensor[] {
  return dtypes.flatMap((dtype) =>
    SHAPES.map((shape, n) => hostTensor(dtype, shape, values(seed + n))),
  );
}

function handlesOf<T>({ parameters }: Place<T>): readonly T[] {
  return parameters.map((parameter) => parameter.get());
}

/** Throws unless calls that begin one after the other, and are awaited together, are all right. */
async function checkOverlap<T>(harness: BackendHarness<T>, calls: readonly Call[]): Promise<void> {
  const dtypes = harness.backend.dtypes.filter(isFloating);
  const places: Place<T>[] = [];
  for (const index of calls.keys()) {
    const live = tensorsOf(dtypes, 10 * index);
    places.push({ harness, index, live, parameters: await parametersOf(harness, live) });
  }
  const start = await harness.liveTensors();
  const begins: (() => Promise<() => Awaitable<void>>)[] = [];
  for (const [n, call] of calls.entries()) begins.push(await call(places[n] as Place<T>));
  // Where one rejects, the others end before the test does.
  const ended = await Promise.allSettled(begins.map((begin) => begin()));
  const specs = specsOf(places[0]?.live ?? []);
  for (const [n, outcome] of ended.entries()) {
    if (outcome.status === 'fulfilled') await outcome.value();
    else {
      const reason = String(outcome.reason);
      throw new Error(`${calls[n]?.name} of ${specs}, among calls that overlap: threw ${reason}`);
    }
  }
  await checkAlive(harness, start, `${calls.map(({ name }) => name).join(', ')} of ${specs}`);
}

const upload: Call = ({ harness: { backend }, live }) => {
  return async () => {
    const handles = await backend.upload(live);
    return async () => {
      checkSameBits(await backend.download(handles), live, 'upload, overlapped');
      await backend.dispose(handles);
    };
  };
};

const download: Call = (place) => async () => {
  const found = await place.harness.backend.download(handlesOf(place));
  return () => checkSameBits(found, place.live, 'download, overlapped');
};

const clone: Call = (place) => async () => {
  const { backend } = place.harness;
  const clones = await backend.clone(handlesOf(place));
  return async () => {
    checkSameBits(await backend.download(clones), place.live, 'clone, overlapped');
    await backend.dispose(clones);
  };
};

const cast: Call = (place) => async () => {
  const { backend } = place.harness;
  const dtypes = place.live.map(({ dtype }) => dtype);
  const casts = await backend.cast?.(handlesOf(place), dtypes);
  return async () => {
    if (casts === undefined) return;
    checkSameBits(await backend.download(casts), place.live, 'cast, overlapped');
    await backend.dispose(casts);
  };
};

const allFinite: Call = async ({ harness: { backend }, live, index }) => {
  const isBad = (n: number): boolean => (n + index) % 3 === 0;
  const tensors = live.map((tensor, n) =>
    isBad(n) ? hostTensor(tensor.dtype, tensor.shape, () => NaN) : tensor,
  );
  const handles = await backend.upload(tensors);
  return async () => {
    const found = await backend.allFinite(handles);
    return async () => {
      const expected = tensors.map((_, n) => !isBad(n)).join();
      const what = `allFinite of ${specsOf(tensors)}, overlapped`;
      check(found.join() === expected, `${what}: ${found.join()}, expected ${expected}.`);
      await backend.dispose(handles);
    };
  };
};

const dispose: Call = async ({ harness: { backend }, live }) => {
  const handles = await backend.upload(live);
  return async () => {
    await backend.dispose(handles);
    return () => {};
  };
};

const swap: Call = async (place) => {
  const { harness, index, live, parameters } = place;
  const { backend } = harness;
  const other = tensorsOf(backend.dtypes.filter(isFloating), 10 * index + 5);
  const tensors = await backend.upload(other);
  const slow = parameters.map((parameter) =>
    withSet(parameter, async (tensor) => {
      await ticks();
      await parameter.set(tensor);
    }),
  );
  return async () => {
    const held = await backend.swap(slow, tensors);
    return async () => {
      checkSameBits(await heldBy(harness, parameters), other, 'swap, overlapped: the parameters');
      checkSameBits(await backend.download(held), live, 'swap, overlapped: what it returned');
      await backend.dispose([...tensors, ...held]);
    };
  };
};

/** An item for each live tensor; that of the call's index equals its average. */
function itemsFor<T>({ harness: { backend }, live, index }: Place<T>): readonly HostItem[] {
  return live.map((tensor, n) => {
    const { shape } = tensor;
    const dtype = isHalf(tensor.dtype) ? 'float32' : tensor.dtype;
    const numbers = numbersOf(tensor);
    const average = hostTensor(dtype, shape, (element) =>
      n === index ? (numbers[element] as number) : values(10 * index + n + 5)(element),
    );
    const item = { average, live: n, weight: 1 / (10 * index + n + 1.5) };
    const isCompensated = backend.canCompensate && n % 2 === 1;
    return isCompensated ? { ...item, residual: hostTensor(dtype, shape, () => 0) } : item;
  });
}

async function checkMade<T>(
  { harness: { backend }, index }: Place<T>,
  result: AverageResult<T>,
  items: readonly HostItem[],
  live: readonly HostTensor[],
): Promise<void> {
  const what = `average of ${specsOf(live)}, overlapped`;
  check(result.kind === 'averaged', `${what}: refused, expected the update to be made.`);
  const averages = await backend.download(result.items.map(({ average }) => average));
  items.forEach(({ average, weight, live: n }) => {
    const target = live[n] as HostTensor;
    const isFinite = !Number.isNaN(numbersOf(target)[0]);
    const hasMoved = n !== index || !isFinite;
    const item = result.items[n];
    check(
      item !== undefined && item.isFinite === isFinite && item.hasMoved === hasMoved,
      `${what}, item ${n}: isFinite is ${item?.isFinite}, expected ${isFinite}; ` +
        `hasMoved is ${item?.hasMoved}, expected ${hasMoved}.`,
    );
    const found = averages[n] as HostTensor;
    if (isFinite) checkAveraged(found, average, target, weight, `average, overlapped, item ${n}`);
  });
  await disposeItems(backend, result.items);
}

const average: Call = async (place) => {
  const { backend } = place.harness;
  const items = itemsFor(place);
  const given = await itemsOf(backend, items, handlesOf(place));
  return async () => {
    const result = await backend.average(given);
    return () => checkMade(place, result, items, place.live);
  };
};

/** An update of which the live tensor of the call's index is not finite. */
async function nonFiniteUpdate<T>(place: Place<T>) {
  const { backend } = place.harness;
  const items = itemsFor(place);
  const live = place.live.map((tensor, n) =>
    n === place.index ? hostTensor(tensor.dtype, tensor.shape, () => NaN) : tensor,
  );
  const lives = await backend.upload(live);
  return { items, live, lives, given: await itemsOf(backend, items, lives) };
}

const refusedAverage: Call = async (place) => {
  const { index, harness } = place;
  const { backend } = harness;
  const { items, live, lives, given } = await nonFiniteUpdate(place);
  return async () => {
    const result = await backend.average(given);
    return async () => {
      const what = `average of ${specsOf(live)}, overlapped`;
      check(result.kind === 'refused', `${what}: made an update that is not finite.`);
      const found = result.nonFinite.join();
      check(found === `${index}`, `${what}: refused the items ${found}, expected ${index}.`);
      await checkUntouched(backend, given, items, what);
      await disposeItems(backend, given);
      await backend.dispose(lives);
    };
  };
};

const allowedAverage: Call = async (place) => {
  const { backend } = place.harness;
  const { items, live, lives, given } = await nonFiniteUpdate(place);
  return async () => {
    const result = await backend.average(given, { allowNonFinite: true });
    return async () => {
      await checkMade(place, result, items, live);
      await backend.dispose(lives);
    };
  };
};

export const overlapTests: readonly HarnessTest[] = [
  {
    name: 'makes updates that overlap as it makes each alone',
    async run(harness) {
      await checkOverlap(harness, [average, average, average]);
      await checkOverlap(harness, [refusedAverage, allowedAverage, refusedAverage, average]);
      await checkOverlap(harness, [average, allowedAverage, allowedAverage]);
    },
  },
  {
    name: 'uploads, reads, copies and frees in calls that overlap as in each alone',
    async run(harness) {
      for (const call of [upload, download, clone, cast, allFinite, dispose]) {
        await checkOverlap(harness, [call, call, call]);
      }
    },
  },
  {
    name: 'swaps other parameters while a swap waits for a set',
    async run(harness) {
      await checkOverlap(harness, [swap, swap, swap]);
    },
  },
  {
    name: 'runs each method while calls of the others go on',
    async run(harness) {
      const calls = [average, swap, clone, download, cast, allFinite, upload, dispose];
      // Twice: each begins before, and after, each other.
      await checkOverlap(harness, [...calls, ...calls]);
    },
  },
];
