// Cuts a data set into parts, the same each time.
import { pick, shuffled } from '../samples.js';
import type { Parts, PartSizes, Samples } from '../samples.js';

/** Parts of the given sizes, drawn from `samples` without replacement. */
export function partsOf(samples: Samples, { train, validation, test }: PartSizes): Parts {
  const order = shuffled(samples.labels.length, 'parts');
  if (order.length < train + validation + test) {
    throw new Error(`${order.length} samples, expected ${train + validation + test} or more.`);
  }
  const beforeTest = train + validation;
  return {
    train: pick(samples, order.slice(0, train)),
    validation: pick(samples, order.slice(train, beforeTest)),
    test: pick(samples, order.slice(beforeTest, beforeTest + test)),
  };
}
