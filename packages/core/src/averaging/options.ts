// The options of averages, their checks and defaults.
import { described, requireBoolean, requireFunction, requireMembers } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import { PolyakError } from '../error.js';
import { requirePolicy } from '../non-finite.js';
import type { NonFinitePolicy } from '../non-finite.js';
import { equal } from '../rules/averaging-rules.js';
import type {
  AveragingRule,
  MovingRule,
  NamedRule,
  RuleOptions,
  WindowRule,
} from '../rules/rule.js';
import type { AveragesTerms } from './averages.js';
import { warnerOf } from '../steps/warn.js';
import type { Warn } from '../steps/warn.js';
import { requireBackend } from '../parameters/parameter-list.js';
import type { UpdateReport } from './update-report.js';

/** Options of {@link AveragedModel}. */
export type AveragingOptions<T> = RuleOptions & {
  /** The runtime that holds the parameters. */
  readonly backend: Backend<T>;
  /**
   * Keeps the rounding error of each average in a second tensor, for twice the memory and about 1.7
   * times the time. After 10,000 updates the error relative to the weights is below 2e-8 if the
   * noise is as large as the weights, and below 2e-10 at 1 % noise; without it, 1e-6. Default: true
   * if the rule needs it, such as a decay of 0.9999 or more. `lastK` ignores it: it computes the
   * mean from scratch each time.
   */
  readonly compensated?: boolean;
  /**
   * Receives a report for each update, average and group, after the update is complete and counted.
   * If the function throws, that is only a warning. Each report downloads the live weights once and
   * the average twice.
   */
  readonly onUpdate?: (report: UpdateReport) => Awaitable<void>;
  /**
   * How an update from weights that are not finite is handled; see {@link NonFinitePolicy}. A
   * skipped update changes no average, but its step is counted. Default `refuse`.
   */
  readonly nonFinite?: NonFinitePolicy;
  /** Receives warnings. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
};

/** The names of {@link AveragingOptions}. */
export const AVERAGING_OPTIONS: readonly string[] = [
  'backend',
  'rule',
  'averages',
  'compensated',
  'nonFinite',
  'onUpdate',
  'onWarning',
];

/** Checks the options of `what`, and fills in defaults. */
export function termsOf<T>(what: string, options: AveragingOptions<T>): AveragesTerms<T> {
  requireBackend(what, options);
  const { backend, onUpdate, compensated, nonFinite = 'refuse' } = options;
  requirePolicy(what, nonFinite);
  if (onUpdate !== undefined) requireFunction(what, 'onUpdate', onUpdate);
  if (compensated !== undefined) requireBoolean(what, 'compensated', compensated);
  const warn = warnerOf(what, options.onWarning);
  return { what, backend, rules: rulesOf(what, options, warn), nonFinite, warn, onUpdate };
}

/** The rules by name, compensated if the option says so or the rule needs it. */
function rulesOf<T>(what: string, options: AveragingOptions<T>, warn: Warn): readonly NamedRule[] {
  const { rule, averages, backend, compensated } = options;
  if (rule !== undefined && averages !== undefined) {
    throw new TypeError(`${what}: both rule and averages are given. Move the rule into averages.`);
  }
  if (averages !== undefined && (typeof averages !== 'object' || averages === null)) {
    throw new TypeError(
      `${what}: averages is ${described(averages)}. Expected rules by name, such as ` +
        '{ ema: exponential(0.99) }.',
    );
  }
  const rules = Object.entries(averages ?? { swa: rule === undefined ? equal() : rule });
  if (rules.length === 0) throw new TypeError(`${what}: averages is empty. Name at least one.`);
  return rules.map(([name, given]) => {
    const checked = checkedRule(what, name, given);
    const isWanted = checked.kind === 'moving';
    return {
      name,
      rule: checked,
      compensated: isWanted && canCompensate(what, backend, checked, compensated, warn),
    };
  });
}

/** The rule, read once and checked. */
function checkedRule(what: string, average: string, given: AveragingRule): AveragingRule {
  // JavaScript lists such keys first, which would change the order of the averages.
  if (/^\d+$/.test(average)) {
    throw new TypeError(`${what}: an average is named "${average}". Give it a name with a letter.`);
  }
  const subject = `${what}: the rule of the average "${average}"`;
  const remedy = "Pass one such as equal(), or { kind: 'moving', name, weight }.";
  const { kind, name, weight, compensated, window } = Object(given) as Partial<
    MovingRule & WindowRule
  >;
  const weighed = (nAvg: number): unknown => Reflect.apply(weight, given, [nAvg]);
  const rule = {
    kind,
    name,
    compensated,
    window,
    weight: typeof weight === 'function' ? weighed : weight,
  } as AveragingRule;
  const found = Object(given) === given ? rule : given;
  requireMembers(subject, found, { kind: 'a name', name: 'a name' }, remedy);
  if (rule.kind !== 'window') requireMembers(subject, rule, { weight: 'a function' }, remedy);
  else if (!(Number.isInteger(rule.window) && rule.window >= 1)) {
    throw new RangeError(
      `${what}: the rule "${rule.name}" has the window ${described(rule.window)}, expected an ` +
        'integer >= 1.',
    );
  }
  return rule;
}

function canCompensate<T>(
  what: string,
  backend: Backend<T>,
  rule: MovingRule,
  asked: boolean | undefined,
  warn: Warn,
): boolean {
  const isWanted = asked ?? rule.compensated ?? false;
  if (!isWanted || backend.canCompensate) return isWanted;
  const lack = `the backend ${backend.name} has no compensated accumulator`;
  if (asked === true) {
    throw new PolyakError('ERR_UNSUPPORTED', `${what}: ${lack}. Leave compensated out.`);
  }
  warn(`${what}: ${lack}: the rule ${rule.name} loses accuracy in float32.`);
  return false;
}
