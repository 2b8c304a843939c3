// The options that several methods have, and their checks.

/** Options of methods that add what models changed to the base model. */
export interface TaskOptions {
  /** The factor of the sum that is added to the base model. Default 1. */
  readonly lambda?: number;
  /** One weight for each model, in the order of the models. Default 1 each. */
  readonly weights?: readonly number[];
}

/** Checked options, with their defaults. */
export interface Task {
  readonly lambda: number;
  readonly weights: readonly number[] | undefined;
  /** How many models are merged. */
  readonly models: { readonly least: number; readonly most: number };
}

/** Throws unless lambda and weights are finite numbers. */
export function taskOf(call: string, { lambda = 1, weights }: TaskOptions): Task {
  requireFinite(call, 'lambda', lambda);
  if (weights === undefined) return { lambda, weights, models: { least: 1, most: Infinity } };
  if (!Array.isArray(weights) || weights.length === 0) {
    throw new TypeError(`${call}: weights is not a list of numbers, one for each model.`);
  }
  const own = finiteNumbers(call, weights);
  return { lambda, weights: own, models: { least: own.length, most: own.length } };
}

/** The weights, each read once: finite numbers. */
export function finiteNumbers(call: string, weights: readonly number[]): readonly number[] {
  if (!Array.isArray(weights)) {
    throw new TypeError(`${call}: the weights are a value of type ${typeof weights}, not a list.`);
  }
  const own: number[] = [];
  for (const weight of weights as readonly number[]) {
    requireNumber(call, `weight ${own.length}`, weight, Number.isFinite, 'a finite number');
    own.push(weight);
  }
  return own;
}

/** The options as they stand in the record of what was merged. */
export function recordOf({ lambda, weights }: Task): Readonly<Record<string, unknown>> {
  return weights === undefined ? { lambda } : { lambda, weights };
}

/** Throws unless `value` is a finite number. */
function requireFinite(call: string, what: string, value: unknown): void {
  requireNumber(call, what, value, Number.isFinite, 'a finite number');
}

/** Throws unless `value` is in (0, 1]. */
export function requireShare(call: string, what: string, value: unknown): void {
  requireNumber(call, what, value, (share) => share > 0 && share <= 1, 'a number in (0, 1]');
}

/** Throws unless `value` is a number that `isExpected`. */
export function requireNumber(
  call: string,
  what: string,
  value: unknown,
  isExpected: (value: number) => boolean,
  expected: string,
): void {
  if (typeof value !== 'number') {
    const found = value === undefined ? 'missing' : `a value of type ${typeof value}`;
    throw new TypeError(`${call}: ${what} is ${found}, expected ${expected}.`);
  }
  if (!isExpected(value)) {
    throw new RangeError(`${call}: ${what} is ${value}, expected ${expected}.`);
  }
}
