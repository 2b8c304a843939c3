// What SWA does with ever more tensors: per tensor, it should cost the same as with 1,000.
import { fromSafetensors, toSafetensors } from '@polyak/core';
import { hostSwa } from '../rows/host-swa.js';
import { filled } from '../rows/shared/arrays.js';
import type { Row, Subject } from '../row.js';

const COUNTS = [1, 100, 10_000, 100_000];
const YARDSTICK = 1000;
const ELEMENTS = 16;

/** An operation on an SWA of its own. */
type Work = () => unknown;

/** By name, what is done with an SWA of so many small tensors. */
const WORKS: Readonly<Record<string, (arrays: readonly Float32Array[]) => Promise<Work>>> = {
  'new SWA': async (arrays) => () => hostSwa(arrays).dispose(),
  'SWA.updateSwa': async (arrays) => {
    const swa = hostSwa(arrays);
    return () => swa.updateSwa();
  },
  'SWA.swapSwaSgd twice': async (arrays) => {
    const swa = hostSwa(arrays);
    await swa.updateSwa();
    return async () => {
      await swa.swapSwaSgd();
      await swa.swapSwaSgd();
    };
  },
  'save and load': async (arrays) => {
    const swa = hostSwa(arrays);
    await swa.updateSwa();
    return async () => {
      const bytes = toSafetensors(await swa.stateDict());
      await swa.loadStateDict(fromSafetensors(bytes));
    };
  },
};

/** Each work with up to 100,000 tensors against as many in SWAs of 1,000. */
export function tensorRows(): readonly Row[] {
  return Object.entries(WORKS).flatMap(([name, workOf]) =>
    COUNTS.map((count): Row => {
      const tensors = Math.max(count, YARDSTICK);
      return {
        work: 'growth',
        name: `cpu, ${name} by tensors`,
        tensors: count,
        elements: count * ELEMENTS,
        against: `the same with ${YARDSTICK} tensors, per tensor`,
        growth: { by: 'tensor', at: count, units: tensors },
        // A call takes a second. Maps and lists of that size miss the caches, which doubles it.
        ...(count === 100_000 && { gate: 5, pairs: 5 }),
        prepare: async () => subjectOf(workOf, count, tensors),
      };
    }),
  );
}

// Both go through as many tensors, in SWAs of other sizes.
async function subjectOf(
  workOf: (arrays: readonly Float32Array[]) => Promise<Work>,
  count: number,
  tensors: number,
): Promise<Subject> {
  const timesOf = async (size: number): Promise<Work> => {
    const work = await workOf(
      filled(
        Array.from({ length: size }, () => ELEMENTS),
        1,
      ),
    );
    return async () => {
      for (let done = 0; done < tensors; done += size) await work();
    };
  };
  return { variant: await timesOf(count), reference: await timesOf(YARDSTICK) };
}
