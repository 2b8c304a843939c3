// The running averages of one model's parameter groups, and which weights the model holds. Written
// in steps: AveragedModel and SWA drive them with promises, synchronous optimizers without.
import { described } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import type { BatchNormLayer } from '../batch-norm.js';
import { PolyakError } from '../error.js';
import type { NonFinitePolicy } from '../non-finite.js';
import type { PlaceIdentity } from '../parameter.js';
import type { NamedRule } from '../rules/rule.js';
import { holdMeanwhile, requireFree, requireLive, requireNotLent } from '../parameters/live.js';
import type { Loan } from '../parameters/loan.js';
import { ParameterList, quoted } from '../parameters/parameter-list.js';
import type { ParameterSource } from '../parameters/parameter-list.js';
import { NOTHING_AVERAGED, tensorsOf } from './running-average.js';
import type { RunningAverage } from './running-average.js';
import type { Steps } from '../steps/steps.js';
import { transaction } from '../steps/transaction.js';
import type { Transaction } from '../steps/transaction.js';
import type { Warn } from '../steps/warn.js';
import { update, weightAfter } from './update.js';
import type { Updated } from './update.js';
import { UpdateReporter } from './update-report.js';
import type { BeforeUpdate, UpdateReport } from './update-report.js';

/** The checked options of the averages of one model. */
export interface AveragesTerms<T> {
  /** For messages: `SWA` or `AveragedModel`. */
  readonly what: string;
  readonly backend: Backend<T>;
  readonly rules: readonly NamedRule[];
  readonly nonFinite: NonFinitePolicy;
  readonly warn: Warn;
  readonly onUpdate: ((report: UpdateReport) => Awaitable<void>) | undefined;
}

/** The averages of one parameter group. */
export interface AveragedGroup<T> {
  readonly list: ParameterList<T>;
  /** One for each rule, in the order of the rules. */
  running: readonly RunningAverage<T>[];
  readonly reporters: readonly UpdateReporter<T>[];
}

/** Which weights the model holds. */
export type Status<T> =
  | { readonly kind: 'live' }
  | {
      readonly kind: 'swapped';
      readonly index: number;
      readonly loan: Loan<T>;
      /** The method that puts the live weights back. */
      readonly by: string;
    }
  | { readonly kind: 'disposed' };

// As many updates without any change mean that the wrong tensors are averaged.
const MAX_STILL = 5;

export class Averages<T> {
  readonly terms: AveragesTerms<T>;
  readonly groups: AveragedGroup<T>[] = [];
  status: Status<T> = { kind: 'live' };
  /** The number of updates left out by the policy `skip`. */
  nSkipped = 0;
  #nStill = 0;
  #underWay: string | undefined;
  /** Reports of finished updates, or functions that make them. */
  readonly #reports: (UpdateReport | (() => Steps<UpdateReport>))[] = [];

  constructor(terms: AveragesTerms<T>) {
    this.terms = terms;
  }

  /** The name of the average that is in the model, if any. */
  get shown(): string | undefined {
    return this.status.kind === 'swapped' ? this.terms.rules[this.status.index]?.name : undefined;
  }

  get names(): readonly string[] {
    return this.groups.flatMap(({ list }) => list.names);
  }

  get #identities(): readonly PlaceIdentity[] {
    const [first, ...others] = this.groups;
    if (first === undefined || others.length === 0) return first?.list.identities ?? [];
    return this.groups.flatMap(({ list }) => list.identities);
  }

  /** A new group of parameters, not averaged yet. */
  groupOf(source: ParameterSource<T>): AveragedGroup<T> {
    const { backend, rules } = this.terms;
    const [group, earlier] = [this.groups.length, this.groups.map(({ list }) => list)];
    return {
      list: new ParameterList(backend, source, earlier),
      running: rules.map(() => NOTHING_AVERAGED),
      reporters: rules.map(
        ({ name, rule }) => new UpdateReporter(backend, rule, { average: name, group }),
      ),
    };
  }

  /** Runs `body` as a transaction. Throws `ERR_BUSY` if another call is under way. */
  *alone<R>(call: string, body: (current: Transaction) => Steps<R>): Steps<R> {
    if (this.#underWay !== undefined) {
      throw new PolyakError(
        'ERR_BUSY',
        `${call}: ${this.#underWay} has not finished. Await it first.`,
      );
    }
    this.#underWay = call;
    let result: R;
    let reports: readonly UpdateReport[];
    try {
      result = yield* transaction(call, this.terms.warn, body);
      reports = yield* this.#reported();
    } finally {
      this.#underWay = undefined;
    }
    reports.forEach((report) => this.#tell(report));
    return result;
  }

  /** Makes sure that the model holds its live weights, or throws `ERR_SWAPPED`. */
  *requireLive(current: Transaction): Steps<void> {
    this.#requireNotShown(current.call);
    yield* requireLive(current, this.#identities);
  }

  /** Refuses where others have put their weights into the model, left there or not. */
  requireNotLent(call: string): void {
    requireNotLent(call, this.#identities);
  }

  /** As `requireLive`, and nobody may be reading the live weights: others take their places. */
  *requireFree(current: Transaction, layers: readonly BatchNormLayer[] = []): Steps<void> {
    this.#requireNotShown(current.call);
    yield* requireFree(current, [...this.#identities, ...layers.map(({ identity }) => identity)]);
  }

  #requireNotShown(call: string): void {
    this.requireUsable(call);
    const { status } = this;
    if (status.kind !== 'swapped' || status.loan.isRecallable) return;
    const { by } = status;
    const wayBack = by === 'withAveraged' ? 'Wait for withAveraged' : `Call ${by} once more`;
    throw new PolyakError(
      'ERR_SWAPPED',
      `${call}: the model holds the averages. ${wayBack} first.`,
    );
  }

  requireUsable(call: string): void {
    if (this.status.kind !== 'disposed') return;
    throw new PolyakError(
      'ERR_DISPOSED',
      `${call}: this ${this.terms.what} was disposed of. Make a new one.`,
    );
  }

  /**
   * Updates all averages of `groups`, as part of the current transaction.
   *
   * @param when - for messages, such as ` in step 7`
   */
  *update(current: Transaction, groups: readonly AveragedGroup<T>[], when: string): Steps<void> {
    const { call } = current;
    const { what, backend, rules, nonFinite, onUpdate } = this.terms;
    yield* this.requireLive(current);
    // On a synchronous backend no other call can run in between.
    if (!backend.isSynchronous) {
      const identities = groups.flatMap(({ list }) => list.identities);
      holdMeanwhile({ name: `${what}.${call}`, isReader: true }, current, identities);
    }
    for (const group of this.groups) if (!groups.includes(group)) group.list.check(call);
    const dues = groups.flatMap(({ list, running, reporters }) => {
      const live = list.live(call);
      return rules.map((rule, index) => {
        const before = running[index] as RunningAverage<T>;
        const reporter = reporters[index] as UpdateReporter<T>;
        const weight = weightAfter(rule, before.nAvg);
        return { rule, entries: list.entries, live, before, weight, reporter };
      });
    });
    const reads: BeforeUpdate[] = [];
    for (const { reporter, live, before } of onUpdate === undefined ? [] : dues) {
      reads.push(yield* reporter.before(live, before));
    }
    const remedy =
      " The averages are unchanged. Put finite weights back and go on, or pass nonFinite: 'skip'.";
    const refusal = `${when}.${nonFinite === 'refuse' ? remedy : ''}`;
    let updated: Updated<T>;
    try {
      updated = yield* current.part((part) => update(part, { backend, nonFinite, refusal }, dues));
    } catch (error) {
      const isNonFinite = PolyakError.is(error) && error.code === 'ERR_NON_FINITE';
      if (nonFinite !== 'skip' || !isNonFinite) throw error;
      const reports = dues.map(({ reporter: { place }, before: { nAvg } }) => {
        return { kind: 'skipped', ...place, nAvg, reason: error.message } as const;
      });
      current.commit(() => this.#skip(error.message, reports));
      return;
    }
    const { after, hasMoved } = updated;
    current.commit(() => {
      groups.forEach((group, n) => {
        group.running = after.slice(n * rules.length, (n + 1) * rules.length);
      });
      this.#watch(hasMoved);
      reads.forEach((read, n) => {
        const { reporter, weight } = dues[n] as (typeof dues)[number];
        this.#reports.push(() => reporter.after(read, weight, after[n] as RunningAverage<T>));
      });
    });
  }

  #skip(reason: string, reports: readonly UpdateReport[]): void {
    if (this.nSkipped === 0) this.terms.warn(`${reason} This update is skipped.`);
    this.nSkipped += 1;
    this.#reports.push(...reports);
  }

  /** Warns once of weights that have never changed. */
  #watch(hasMoved: boolean | undefined): void {
    if (hasMoved === true) this.#nStill = Infinity;
    if (hasMoved === false) this.#nStill += 1;
    if (this.#nStill !== MAX_STILL) return;
    this.terms.warn(
      `${this.terms.what}: no weight has changed in ${MAX_STILL} updates. Are these the tensors ` +
        `that are trained? ${quoted(this.names)}.`,
    );
  }

  /**
   * Frees the averages.
   *
   * @param keep - which weights the model holds afterwards
   */
  *dispose(current: Transaction, keep: 'live' | 'averages'): Steps<void> {
    const { backend } = this.terms;
    const { status } = this;
    const isKept = keep === 'averages' && status.kind === 'swapped' && status.by !== 'withAveraged';
    if (isKept) status.loan.keep(current);
    else this.#requireNotShown(current.call);
    if (keep === 'averages' && status.kind !== 'swapped') {
      throw new PolyakError(
        'ERR_NO_AVERAGES',
        `${current.call}: the model holds the live weights, so no average can be kept. Swap first.`,
      );
    }
    if (!isKept && status.kind === 'swapped') yield* status.loan.recall(current);
    const held = this.groups.flatMap(({ running }) => running.flatMap(tensorsOf));
    current.commit(() => {
      this.status = { kind: 'disposed' };
      for (const group of this.groups) group.running = group.running.map(() => NOTHING_AVERAGED);
    });
    current.release(backend, held);
  }

  /** The index of the average with this name; 0 if no name is given. */
  indexOf(call: string, name: string | undefined): number {
    const names = this.terms.rules.map((rule) => rule.name);
    const index = name === undefined ? 0 : names.indexOf(name);
    if (index >= 0) return index;
    throw new RangeError(`${call}: there is no average ${described(name)}, only ${quoted(names)}.`);
  }

  /** Makes the reports. The updates are done, so a failure here is a warning and not an error. */
  *#reported(): Steps<readonly UpdateReport[]> {
    const reports: UpdateReport[] = [];
    for (const report of this.#reports.splice(0)) {
      try {
        reports.push(typeof report === 'function' ? yield* report() : report);
      } catch (error) {
        this.#reportFailed(error);
      }
    }
    return reports;
  }

  #tell(report: UpdateReport): void {
    try {
      const told = this.terms.onUpdate?.(report);
      Promise.resolve(told).catch((error: unknown) => this.#reportFailed(error));
    } catch (error) {
      this.#reportFailed(error);
    }
  }

  #reportFailed(error: unknown): void {
    const { what, warn } = this.terms;
    warn(`${what}: onUpdate failed, after the update: ${String(error)}`);
  }
}
