// What SWA can be told, and what it makes of what it is not told.
import type { Backend } from './backend.js';
import { PolyakError } from './error.js';
import type { ModeOptions } from './plan.js';
import { equal, isWindow } from './rules/rule.js';
import type { AveragingRule, MovingRule } from './rules/rule.js';
import type { UpdateReport } from './update-report.js';

declare const console: { warn(message: string): void };

/** Options of {@link SWA}. With `swaStart` and `swaFreq` the mode is automatic, without them manual. */
export interface SWAOptions<T> extends ModeOptions {
  /** The runtime that holds the parameters. */
  readonly backend: Backend<T>;
  /** How the average moves. Default `equal()`. */
  readonly rule?: AveragingRule;
  /**
   * Several averages, by name, in place of {@link SWAOptions.rule}: all are fed at each update, from one pass over the live
   * weights. The first is the one that is swapped where none is named.
   */
  readonly averages?: Readonly<Record<string, AveragingRule>>;
  /**
   * Carries the rounding error of each average beside it: nearly as accurate as an average of twice the precision, for
   * twice its memory and about 1.7 times the time. Default: what the rule needs, so on for a decay from 0.9999 on. A mean of the last
   * values is made anew each time, and needs none.
   */
  readonly isCompensated?: boolean;
  /**
   * Receives a report of each update, of each average and group, once the update is complete and counted: where it throws, that is a warning.
   * Reports cost a download of the live weights and two of the averages: none are made without it.
   */
  readonly onUpdate?: (report: UpdateReport) => void;
  /** Receives warnings. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** Where the warnings go. */
export function warnerOf<T>({ onWarning }: SWAOptions<T>): (message: string) => void {
  return onWarning ?? ((message) => console.warn(message));
}

/** An average of SWA. */
export interface NamedRule {
  readonly name: string;
  readonly rule: AveragingRule;
  readonly isCompensated: boolean;
}

/** The averages asked for, each compensated where that was asked for, or where its rule needs it and the backend can. */
export function averagesOf<T>(
  options: SWAOptions<T>,
  warn: (message: string) => void,
): readonly NamedRule[] {
  const { rule, averages, backend, isCompensated } = options;
  if (rule !== undefined && averages !== undefined) {
    throw new TypeError('SWA: both rule and averages are given. Put the rule among the averages.');
  }
  const rules = Object.entries(averages ?? { swa: rule ?? equal() });
  if (rules.length === 0) throw new TypeError('SWA: averages is empty. Name one at least.');
  for (const [name, each] of rules) checkRule(name, each);
  return rules.map(([name, each]) => ({
    name,
    rule: each,
    isCompensated: !isWindow(each) && canCompensate(backend, each, isCompensated, warn),
  }));
}

function checkRule(average: string, rule: AveragingRule): void {
  // Objects list such names first, wherever they were put.
  if (/^\d+$/.test(average))
    throw new TypeError(`SWA: an average is named "${average}". Give it a name with a letter.`);
  const isRule = typeof rule === 'object' && typeof rule.name === 'string';
  if (!isRule || !(isWindow(rule) || typeof rule.weight === 'function')) {
    throw new TypeError(
      `SWA: the average "${average}" has no rule. Expected one such as equal(), or { name, weight }.`,
    );
  }
  if (isWindow(rule) && !(Number.isInteger(rule.window) && rule.window >= 1)) {
    throw new RangeError(
      `SWA: the rule "${rule.name}" has the window ${rule.window}, expected an integer >= 1.`,
    );
  }
}

function canCompensate<T>(
  backend: Backend<T>,
  rule: MovingRule,
  asked: boolean | undefined,
  warn: (message: string) => void,
): boolean {
  const isWanted = asked ?? rule.isCompensated ?? false;
  if (!isWanted || backend.averageCompensated !== undefined) return isWanted;
  const lack = `the backend ${backend.name} has no compensated accumulator`;
  if (asked) throw new PolyakError('ERR_UNSUPPORTED', `SWA: ${lack}. Leave isCompensated out.`);
  warn(`SWA: ${lack}: the rule ${rule.name} loses accuracy in float32.`);
  return false;
}
