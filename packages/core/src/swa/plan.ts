// What one step does, as a pure function: the automatic and manual modes of torchcontrib.optim.SWA.
import { described } from '../arguments.js';

/** When averages are taken: by the optimizer's steps, or only on request. */
export type Mode = ManualMode | AutomaticMode;

/** Averages are taken only by `updateSwa` and `updateSwaGroup`. */
export interface ManualMode {
  /** Tells the modes apart. */
  readonly kind: 'manual';
}

/** Averages are taken by `step`, as {@link ModeOptions} say. */
export interface AutomaticMode {
  /** Tells the modes apart. */
  readonly kind: 'auto';
  /** Steps before averaging begins. */
  readonly swaStart: number;
  /** Steps between averages. */
  readonly swaFreq: number;
  /** The learning rate from `swaStart` on. */
  readonly swaLr?: number;
}

/** The options that decide the {@link Mode}. */
export interface ModeOptions {
  /** Steps before averaging begins; an integer >= 0. */
  readonly swaStart?: number | undefined;
  /** Steps between averages; an integer >= 1. */
  readonly swaFreq?: number | undefined;
  /** The learning rate from `swaStart` on, >= 0; if omitted, the rate does not change. */
  readonly swaLr?: number | undefined;
}

/** What the next step of a group does. */
export interface StepPlan {
  /** The learning rate to set before the base optimizer's step. */
  readonly lr?: number;
  /** Whether to average after it. */
  readonly average: boolean;
}

/**
 * What the next step of a group does after `stepCounter` steps.
 *
 * As in torchcontrib, the learning rate is set before every step once `stepCounter >= swaStart`,
 * and averages are taken after each step whose number is greater than `swaStart` and a multiple of
 * `swaFreq`. With start 5 and freq 2, the rate changes for step 6, and averages are taken after
 * steps 6, 8, 10, ….
 *
 * @param mode - from {@link modeOf}
 * @param stepCounter - the number of steps of the group so far
 * @returns what to do before and after the step
 * @see torchcontrib/optim/swa.py, `step` and `_reset_lr_to_swa`
 */
export function plan(mode: Mode, stepCounter: number): StepPlan {
  if (mode.kind === 'manual') return { average: false };
  const steps = stepCounter + 1;
  const average = steps > mode.swaStart && steps % mode.swaFreq === 0;
  return mode.swaLr !== undefined && stepCounter >= mode.swaStart
    ? { lr: mode.swaLr, average }
    : { average };
}

/**
 * The mode that the options ask for: automatic if both `swaStart` and `swaFreq` are given, manual
 * otherwise. Checks and warns in torchcontrib's order.
 *
 * @param options - see {@link ModeOptions}
 * @param warn - receives the warnings
 * @returns the mode
 * @throws TypeError if a given value is not a number
 * @throws RangeError if a value is out of its range
 */
export function modeOf(options: ModeOptions, warn: (message: string) => void): Mode {
  const { swaStart, swaFreq, swaLr } = options;
  if ((swaStart === undefined) !== (swaFreq === undefined)) {
    const [given, missing] =
      swaStart === undefined ? ['swaFreq', 'swaStart'] : ['swaStart', 'swaFreq'];
    warn(
      `SWA: ${given} is given without ${missing}, ignoring it: averages are taken by hand, with ` +
        'updateSwa.',
    );
  }
  const start = toInteger('swaStart', swaStart, warn);
  const freq = toInteger('swaFreq', swaFreq, warn);
  if (start === undefined || freq === undefined) {
    if (swaLr !== undefined) warn('SWA: swaLr is given without swaStart and swaFreq, ignoring it.');
    return { kind: 'manual' };
  }
  requireNumber('swaStart', start, 'an integer >= 0', (value) => value >= 0);
  requireNumber('swaFreq', freq, 'an integer >= 1', (value) => value >= 1);
  if (swaLr === undefined) return { kind: 'auto', swaStart: start, swaFreq: freq };
  requireNumber('swaLr', swaLr, 'a finite number >= 0', (value) => value >= 0 && value < Infinity);
  return { kind: 'auto', swaStart: start, swaFreq: freq, swaLr };
}

function toInteger(
  name: string,
  value: number | undefined,
  warn: (message: string) => void,
): number | undefined {
  if (value === undefined) return undefined;
  requireNumber(name, value, 'an integer', Number.isFinite);
  if (Number.isInteger(value)) return value;
  const integer = Math.trunc(value) + 0; // no -0
  warn(`SWA: ${name} is ${value}, casting it to ${integer}.`);
  return integer;
}

function requireNumber(
  name: string,
  value: unknown,
  expected: string,
  isValid: (value: number) => boolean,
): void {
  const isNumber = typeof value === 'number';
  if (isNumber && isValid(value)) return;
  const Failure = isNumber ? RangeError : TypeError;
  throw new Failure(`Invalid ${name}: ${described(value)}. Expected ${expected}.`);
}
