// Updates of an SWA that has made ever more of them: a late one should cost what an early one does.
import { hostSwa } from '../rows/host-swa.js';
import { filled } from '../rows/shared/arrays.js';
import type { Row, Subject } from '../row.js';

const COUNTS = [1, 1000, 10_000, 100_000];
const LENGTHS = [100, 100];
/** The yardstick starts anew after as many updates. */
const EARLY = 1000;

/** `updateSwa` after up to 100,000 updates against the first 1,000. */
export function updateRows(): readonly Row[] {
  return COUNTS.map((count) => ({
    work: 'growth',
    name: 'cpu, SWA.updateSwa by updates',
    tensors: LENGTHS.length,
    elements: LENGTHS.reduce((sum, length) => sum + length, 0),
    against: `the first ${EARLY} updates`,
    growth: { by: 'update', at: count, units: 1 },
    // Early updates vary by a tenth among themselves.
    ...(count === 100_000 && { gate: 1.5 }),
    prepare: async () => subjectOf(count),
  }));
}

async function subjectOf(count: number): Promise<Subject> {
  const old = hostSwa(filled(LENGTHS, 1));
  for (let update = 0; update < count; update += 1) await old.updateSwa();
  const live = filled(LENGTHS, 1);
  let young = hostSwa(live);
  let made = 0;
  return {
    variant: () => old.updateSwa(),
    async reference() {
      made += 1;
      if (made % EARLY === 0) {
        await young.dispose();
        young = hostSwa(live);
      }
      await young.updateSwa();
    },
    async release() {
      await old.dispose();
      await young.dispose();
    },
  };
}
