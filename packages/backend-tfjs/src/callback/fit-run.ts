// The run of `model.fit` that a callback takes part in: which model it trains, and for how long.
import type { SWA } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { quoted } from '@polyak/core/kit';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { History, LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { modelParameters } from '../model/model-parameters.js';
import type { SwaCallbackOptions } from './options.js';

/** What swaStart and swaFreq count. */
type Unit = NonNullable<SwaCallbackOptions['unit']>;

/** The parts of a model that tfjs trains with; its types hide most of them. */
interface TrainedModel {
  readonly isTraining: boolean;
  readonly history: History;
  /** What `compile` found trainable: `fit` trains these, whatever was frozen since. */
  readonly collectedTrainableWeights: readonly LayerVariable[];
}

/** The model that `fit` trains: a sequential model has one inside. */
function trainedModel(model: LayersModel): TrainedModel {
  const { model: inner = model } = model as { readonly model?: LayersModel };
  return inner as unknown as TrainedModel;
}

/**
 * Refuses the run of another model.
 *
 * @param fitted - the model that tfjs gave the callback, where it did
 * @throws PolyakError `ERR_PARAMETERS`
 */
export function requireOwnRun(model: LayersModel, fitted: LayersModel | undefined): void {
  const own = trainedModel(model);
  // tfjs gives no model to callbacks that it wraps.
  if (fitted === undefined ? own.isTraining : (fitted as unknown) === own) return;
  const other = fitted === undefined ? 'another model' : `the model "${fitted.name}"`;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `swaCallback: it was made for the model "${model.name}" and passed to fit of ${other}. Pass ` +
      'it to fit of its own model, or make a callback for this one.',
  );
}

/**
 * Refuses a model whose trained weights are not those that are averaged.
 *
 * @param averaged - the weights that are averaged
 * @throws PolyakError `ERR_PARAMETERS`, with their names
 */
export function requireSameWeights(
  model: LayersModel,
  averaged: readonly Parameter<Tensor>[],
): void {
  const known = new Set(averaged.map(({ identity }) => identity));
  const trainable = modelParameters(model);
  const names = new Map(trainable.map(({ identity, name }) => [identity, name]));
  const left = averaged.filter(({ identity }) => !names.has(identity));
  for (const weight of trainedModel(model).collectedTrainableWeights) {
    const variable = weight.read();
    if (!names.has(variable)) names.set(variable, weight.originalName);
  }
  const joined = [...names].filter(([identity]) => !known.has(identity));
  const changes = [
    ...listed(
      'trained but not averaged',
      joined.map(([, name]) => name),
    ),
    ...listed(
      'averaged but no longer trained',
      left.map(({ name }) => name),
    ),
  ];
  if (changes.length === 0) return;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `swaCallback: fit trains other weights than those that are averaged: ${changes.join('; ')}. ` +
      'After a layer was frozen, unfrozen, added or removed, call model.compile and make a new ' +
      'callback.',
  );
}

function listed(what: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`${what}: ${quoted(names)}`];
}

/** A run that begins. */
export interface FitRun {
  readonly model: LayersModel;
  /** Its first epoch, from 0. */
  readonly epoch: number;
  readonly unit: Unit;
}

/**
 * Refuses a run that goes on from epochs that were not counted, such as after a restart without the
 * saved state.
 *
 * @returns a warning where the run ends before the first average
 * @throws PolyakError `ERR_STATE`
 */
export function tooShortRun(swa: SWA<Tensor>, run: FitRun): string | undefined {
  const { epoch, unit } = run;
  const counted = Math.max(...swa.paramGroups.map(({ stepCounter }) => stepCounter));
  // Of steps, an epoch has one at least.
  if (counted < epoch) {
    throw new PolyakError(
      'ERR_STATE',
      `swaCallback: fit begins at epoch ${epoch}, but the callback has counted ${counted} ` +
        `${unit}s. To resume a run, load its state first, with swa.loadStateDict. To count from ` +
        'here, leave initialEpoch out, and pass the number of epochs that are left as epochs.',
    );
  }
  const { mode, paramGroups } = swa;
  const length = lengthOf(run);
  if (mode.kind === 'manual' || length === undefined) return undefined;
  const { swaStart, swaFreq } = mode;
  const next = (Math.floor(Math.max(swaStart, counted) / swaFreq) + 1) * swaFreq;
  const last = counted + length;
  if (next <= last || paramGroups.some(({ nAvg }) => nAvg > 0)) return undefined;
  return (
    `swaCallback: fit will end after ${unit} ${last}, before the first average, which is due ` +
    `after ${unit} ${next} (swaStart ${swaStart}, swaFreq ${swaFreq}). The model will hold its ` +
    'live weights then. Lower swaStart, or train longer: another fit goes on counting.'
  );
}

/** The steps or epochs of the run, where the number of its batches is known. */
function lengthOf({ model, epoch, unit }: FitRun): number | undefined {
  // tfjs gives no parameters to callbacks that it wraps.
  const { epochs, samples, batchSize, steps } = trainedModel(model).history.params;
  if (typeof epochs !== 'number') return undefined;
  if (unit === 'epoch') return epochs - epoch;
  if (typeof steps === 'number') return steps * (epochs - epoch);
  if (typeof samples !== 'number' || typeof batchSize !== 'number') return undefined;
  return Math.ceil(samples / batchSize) * (epochs - epoch);
}
