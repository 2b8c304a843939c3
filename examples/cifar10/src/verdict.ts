// Who won, in one honest sentence: also where SWA did not.
import { formatAccuracy } from './progress.js';
import { deviation, mean, type Row, type Table } from './results.js';

/** Says how each average with updated batch norm did against SGD, by the mean over all seeds. */
export function verdict({ seeds, rows }: Table): string {
  const sgd = rows.find(({ name }) => name === 'SGD');
  const averaged = rows.filter(({ name }) => name.endsWith('batch norm updated'));
  if (sgd === undefined || averaged.length === 0) return 'Nothing to compare yet.';
  return averaged
    .map((row) => {
      const margins = row.scores.map(
        ({ accuracy }, index) => accuracy - (sgd.scores[index]?.accuracy ?? NaN),
      );
      const wins = margins.filter((margin) => margin > 0).length;
      const outcome = mean(margins) > 0 ? 'beats' : mean(margins) < 0 ? 'loses to' : 'ties with';
      return (
        `${row.name}: ${summary(row)} ${outcome} SGD's ${summary(sgd)}, ` +
        `better with ${wins} of ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}.`
      );
    })
    .join(' ');
}

function summary({ scores }: Row): string {
  const accuracies = scores.map(({ accuracy }) => accuracy);
  const spread = scores.length > 1 ? ` ± ${formatAccuracy(deviation(accuracies))}` : '';
  return `${formatAccuracy(mean(accuracies))}${spread} %`;
}
