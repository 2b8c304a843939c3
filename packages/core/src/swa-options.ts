// What SWA can be told, and what it makes of what it is not told.
import type { Backend } from './backend.js';
import { PolyakError } from './error.js';
import type { ModeOptions } from './plan.js';
import type { AveragingRule } from './rule.js';

declare const console: { warn(message: string): void };

/** Options of {@link SWA}. With `swaStart` and `swaFreq` the mode is automatic, without them manual. */
export interface SWAOptions<T> extends ModeOptions {
  /** The runtime that holds the parameters. */
  readonly backend: Backend<T>;
  /** How the average moves. Default `equal()`. */
  readonly rule?: AveragingRule;
  /**
   * Carries the rounding error of each average beside it: nearly as accurate as an average of twice the precision, for
   * twice its memory and about 1.7 times the time. Default: what the rule needs, so on for a decay from 0.9999 on.
   */
  readonly isCompensated?: boolean;
  /** Receives warnings. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** Where the warnings go. */
export function warnerOf<T>({ onWarning }: SWAOptions<T>): (message: string) => void {
  return onWarning ?? ((message) => console.warn(message));
}

/** Whether averages are compensated: as asked, or as the rule needs and the backend can. */
export function canCompensate<T>(
  backend: Backend<T>,
  rule: AveragingRule,
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
