// The solutions whose surroundings are measured: one of each kind, at the largest budget.
import type { Ingredient } from '../methods/soups.js';
import type { Leg } from '../plan/leg.js';

/**
 * SGD's last weights, its exponential average, and the equal averages of SWA and of the trunk.
 *
 * @param plan - all legs
 * @param epochs - the largest budget
 */
export function solutionsOf(plan: readonly Leg[], epochs: number): readonly Ingredient[] {
  const atEnd = plan.filter(({ lastEpoch }) => lastEpoch === epochs);
  const legs = (prefix: string): readonly Leg[] =>
    atEnd.filter(({ name }) => name.startsWith(prefix)).slice(0, 1);
  const average = (leg: Leg, name: string, kept: string): Ingredient => ({
    name,
    leg,
    read: async (workbench) => workbench.average(leg, kept, epochs),
  });
  return [
    ...legs('sgd').map((leg) => ({
      name: 'sgd',
      leg,
      read: async ({ weights }: Parameters<Ingredient['read']>[0]) => weights(leg, epochs),
    })),
    ...legs('swa').map((leg) =>
      average(leg, `${leg.name.replace(/-\d+$/, '')}/from-75`, 'swa-from-75'),
    ),
    ...legs('sgd').map((leg) => average(leg, 'sgd/ema-0.999', 'ema-0.999')),
    ...legs('trunk').map((leg) => average(leg, 'constant/swa/from-75', `swa-${epochs}-from-75`)),
  ];
}
