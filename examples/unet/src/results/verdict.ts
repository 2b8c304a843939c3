// How the average did, in one honest sentence: also where it lost.
import { deviation, formatIou, mean } from './table.js';
import type { Row, Table } from './table.js';

/** Compares the average with updated batch norm with the last iterate and with the ensemble. */
export function verdict({ seeds, rows }: Table): string {
  const find = (method: string): Row | undefined => rows.find((row) => row.method === method);
  const [last, ensemble, average] = ['last', 'ensemble', 'average-bn-update'].map(find);
  if (last === undefined || ensemble === undefined || average === undefined) {
    return 'Nothing to compare yet.';
  }
  const winsOver = (other: Row): number =>
    average.ious.filter((iou, index) => iou > (other.ious[index] ?? NaN)).length;
  return (
    `Intersection over union: average ${summary(average)}, last iterate ${summary(last)}, ` +
    `ensemble ${summary(ensemble)}. The average is better than the last iterate with ` +
    `${winsOver(last)} of ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}, and better ` +
    `than the ensemble with ${winsOver(ensemble)}.`
  );
}

function summary({ ious }: Row): string {
  return `${formatIou(mean(ious))}${ious.length > 1 ? ` ± ${formatIou(deviation(ious))}` : ''}`;
}
