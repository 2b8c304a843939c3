// An update of ever more weights in one tensor: per weight, it should cost the same.
import { freemem } from 'node:os';
import { hostSwa } from '../rows/host-swa.js';
import { copies, fill, filled } from '../rows/shared/arrays.js';
import type { Row, Subject } from '../row.js';
import { Skipped } from '../row.js';

const COUNTS = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/** Live weights, averages, the copy that an update writes, and the yardstick's array. */
const BYTES_PER_WEIGHT = 16;

/** `updateSwa` over ordinary arrays of up to 1e9 weights. */
export function weightRows(): readonly Row[] {
  return COUNTS.map((count) => ({
    work: 'growth',
    name: 'cpu, SWA.updateSwa by weights',
    tensors: 1,
    elements: count,
    against: 'set()',
    bytesPerElement: 12,
    growth: { by: 'weight', at: count, units: count },
    prepare: async () => subjectOf(count),
  }));
}

async function subjectOf(count: number): Promise<Subject> {
  const [needed, free] = [count * BYTES_PER_WEIGHT, freemem()];
  if (needed > free / 2) {
    const [asked, found] = [needed, free].map((bytes) => (bytes / 2 ** 30).toFixed(0));
    throw new Skipped(
      `${count} weights take ${asked} GiB, more than half of the ${found} GiB that are free.`,
    );
  }
  const live = filled([count], 1);
  const swa = hostSwa(live);
  await swa.updateSwa();
  fill(live, 2);
  return {
    variant: () => swa.updateSwa(),
    reference: copies(filled([count], 0), live),
    release: () => swa.dispose(),
  };
}
