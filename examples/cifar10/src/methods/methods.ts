// All methods that are measured, by the legs that they need.
import type { Leg } from '../plan/leg.js';
import { STARTS } from '../plan/observers.js';
import { budgetsOf } from '../plan/plan.js';
import type { Surroundings } from '../training/surroundings.js';
import { cycleEnds, ensembleOf } from './ensembles.js';
import type { Method } from './method.js';
import { lastIterate, meanOfEpochs, observed, observedWithOldStatistics } from './single-models.js';
import { chosenStart, greedySoupOf, type Ingredient, ofTwoSeeds, uniformSoup } from './soups.js';
import { swagOf } from './swag.js';

const DECAYS = ['ema-0.99', 'ema-0.999', 'ema-0.999-warm-up'];
/** The parts of a budget whose epochs are averaged afterwards. */
const WINDOWS = [0.1, 0.25, 0.5];

/** What is there besides a seed's own legs. */
export interface Sources {
  /** Another seed. */
  readonly partner: Surroundings | undefined;
  /** Whether there are validation images to choose on. */
  readonly hasValidation: boolean;
}

/**
 * All methods.
 *
 * @param legs - all legs of the plan
 * @param epochs - the largest budget
 */
export function methodsOf(
  legs: readonly Leg[],
  epochs: number,
  { partner, hasValidation }: Sources,
): readonly Method[] {
  const trunk = legs.find(({ name }) => name === 'trunk');
  const endings = legs.filter((leg) => leg !== trunk);
  const withKind = (prefix: string): readonly Leg[] =>
    endings.filter(({ name }) => name.startsWith(prefix));
  const swa = withKind('swa').filter(({ lastEpoch }) => lastEpoch === epochs);
  const sgd = withKind('sgd').filter(({ lastEpoch }) => lastEpoch === epochs);
  const ingredients = [...sgd.map(lastOf), ...swa.map(averageOf)];
  return [
    ...withKind('sgd').flatMap(sgdMethods),
    ...withKind('swa').flatMap(swaMethods),
    ...(trunk === undefined ? [] : budgetsOf(epochs).flatMap((budget) => constant(trunk, budget))),
    ...withKind('cosines').flatMap((leg) => ensembleOf('snapshots', leg, cycleEnds(leg))),
    ...withKind('fge').flatMap((leg) =>
      ensembleOf(leg.name.replace(/-\d+$/, ''), leg, cycleEnds(leg)),
    ),
    ...swa.slice(0, 1).flatMap(swagMethods),
    uniformSoup(ingredients),
    ...(partner === undefined ? [] : sgd.flatMap((leg) => ofTwoSeeds(leg, partner))),
    ...(hasValidation ? [greedySoupOf(ingredients)] : []),
    ...(hasValidation && trunk !== undefined ? [chosenStart(trunk, epochs / 2)] : []),
  ];
}

function sgdMethods(leg: Leg): readonly Method[] {
  const epoch = leg.lastEpoch;
  return [
    lastIterate('sgd', leg, epoch),
    meanOfEpochs('sgd/bn-updated', { leg, epoch, count: 1, curve: 'linear' }),
    ...DECAYS.map((decay) => observed(`sgd/${decay}`, leg, decay, epoch)),
    ...WINDOWS.map((part) =>
      meanOfEpochs(`sgd/last-${percent(part)}`, {
        leg,
        epoch,
        count: Math.max(1, Math.round(part * epoch)),
        curve: 'linear',
      }),
    ),
  ];
}

function swaMethods(leg: Leg): readonly Method[] {
  const epoch = leg.lastEpoch;
  const name = leg.name.replace(/-\d+$/, '');
  return [
    lastIterate(`${name}/last`, leg, epoch),
    ...STARTS.flatMap((start) => {
      const from = `from-${percent(start)}`;
      return [
        observed(`${name}/${from}`, leg, `swa-${from}`, epoch),
        observedWithOldStatistics(`${name}/${from}/old-bn`, leg, `swa-${from}`, epoch),
      ];
    }),
  ];
}

/** The trunk as a run that ends after a budget. */
function constant(leg: Leg, epoch: number): readonly Method[] {
  const name = 'constant';
  return [
    lastIterate(`${name}/last`, leg, epoch),
    ...STARTS.map((start) => {
      const from = `from-${percent(start)}`;
      return observed(`${name}/swa/${from}`, leg, `swa-${epoch}-${from}`, epoch);
    }),
    ...DECAYS.map((decay) => observed(`${name}/${decay}`, leg, decay, epoch)),
    ...(['linear', 'cosine', 'minus-sqrt'] as const).flatMap((curve) =>
      WINDOWS.map((part) =>
        meanOfEpochs(`${name}/wsm-${curve}/last-${percent(part)}`, {
          leg,
          epoch,
          count: Math.max(1, Math.round(part * epoch)),
          curve,
        }),
      ),
    ),
  ];
}

function swagMethods(leg: Leg): readonly Method[] {
  const start = 0.75 * leg.lastEpoch;
  return [
    swagOf('swag', { leg, start, rank: 20 }),
    swagOf('swag/diagonal', { leg, start, rank: 0 }),
  ];
}

function lastOf(leg: Leg): Ingredient {
  return {
    name: leg.name,
    leg,
    read: async (workbench) => workbench.weights(leg, leg.lastEpoch),
  };
}

function averageOf(leg: Leg): Ingredient {
  return {
    name: leg.name,
    leg,
    read: async (workbench) => workbench.average(leg, 'swa-from-75', leg.lastEpoch),
  };
}

function percent(part: number): string {
  return String(Math.round(100 * part));
}
