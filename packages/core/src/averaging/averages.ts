// Running averages of the parameter groups of one model, and the model that shows them for a while.
// Written in steps: AveragedModel and SWA drive it for callers that can wait, others without.
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import type { BatchNormLayer } from '../batch-norm.js';
import { PolyakError } from '../error.js';
import type { PlaceIdentity } from '../parameter.js';
import type { NamedRule } from '../rules/rule.js';
import { holdMeanwhile, Loan, requireFree, requireLive } from '../parameters/loan.js';
import { ParameterList, quoted } from '../parameters/parameter-list.js';
import type { ParameterSource } from '../parameters/parameter-list.js';
import { NOTHING_AVERAGED, tensorsOf } from './running-average.js';
import type { RunningAverage } from './running-average.js';
import type { Steps } from '../steps/steps.js';
import { transaction } from '../steps/transaction.js';
import type { Transaction } from '../steps/transaction.js';
import type { Warn } from '../steps/warn.js';
import { update, weightAfter } from './update.js';
import { UpdateReporter } from './update-report.js';
import type { BeforeUpdate, UpdateReport } from './update-report.js';

/** What the averages of one model are made with. */
export interface AveragesTerms<T> {
  /** For messages: `SWA` or `AveragedModel`. */
  readonly what: string;
  readonly backend: Backend<T>;
  readonly rules: readonly NamedRule[];
  readonly warn: Warn;
  readonly onUpdate: ((report: UpdateReport) => Awaitable<void>) | undefined;
}

/** The averages of one parameter group. */
export interface AveragedGroup<T> {
  readonly list: ParameterList<T>;
  /** One for each rule, in their order. */
  running: readonly RunningAverage<T>[];
  readonly reporters: readonly UpdateReporter<T>[];
}

/** What the model holds. */
export type Status<T> =
  | { readonly kind: 'live' }
  | {
      readonly kind: 'swapped';
      readonly index: number;
      readonly loan: Loan<T>;
      /** The method that takes it back. */
      readonly by: string;
    }
  | { readonly kind: 'disposed' };

export class Averages<T> {
  readonly terms: AveragesTerms<T>;
  readonly groups: AveragedGroup<T>[] = [];
  status: Status<T> = { kind: 'live' };
  #underWay: string | undefined;

  constructor(terms: AveragesTerms<T>) {
    this.terms = terms;
  }

  /** The name of the average that the model holds. */
  get shown(): string | undefined {
    return this.status.kind === 'swapped' ? this.terms.rules[this.status.index]?.name : undefined;
  }

  /** A group of parameters, which is not yet averaged. */
  groupOf(source: ParameterSource<T>): AveragedGroup<T> {
    const { backend, rules } = this.terms;
    const list = new ParameterList(
      backend,
      source,
      this.groups.map((group) => group.list),
    );
    return {
      list,
      running: rules.map(() => NOTHING_AVERAGED),
      reporters: rules.map(
        ({ name, rule }) =>
          new UpdateReporter(backend, rule, { average: name, group: this.groups.length }),
      ),
    };
  }

  /** Runs `body` as a transaction, unless another call is under way. */
  *alone<R>(call: string, body: (current: Transaction) => Steps<R>): Steps<R> {
    if (this.#underWay !== undefined) {
      throw new PolyakError(
        'ERR_BUSY',
        `${call}: ${this.#underWay} has not finished. Await it first.`,
      );
    }
    this.#underWay = call;
    try {
      return yield* transaction(call, this.terms.warn, body);
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Refuses `call` while something else than the live weights is needed in the model. */
  *requireLive(call: string, current: Transaction): Steps<void> {
    this.#requireNotShown(call);
    yield* requireLive(call, current, identitiesOf(this.groups));
  }

  /** The same, and nobody may be reading the live weights: others are to take their places. */
  *requireFree(
    call: string,
    current: Transaction,
    layers: readonly BatchNormLayer[] = [],
  ): Steps<void> {
    this.#requireNotShown(call);
    yield* requireFree(call, current, [
      ...identitiesOf(this.groups),
      ...layers.map(({ identity }) => identity),
    ]);
  }

  #requireNotShown(call: string): void {
    this.requireUsable(call);
    const { status } = this;
    if (status.kind !== 'swapped' || status.loan.isRecallable) return;
    throw new PolyakError(
      'ERR_SWAPPED',
      `${call}: the model holds the averages. ${wayBack(status.by)} first.`,
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
   * Moves all averages of `groups`, as a part of the current transaction.
   *
   * @returns the reports, to be made once everything is counted
   */
  *update(
    call: string,
    current: Transaction,
    groups: readonly AveragedGroup<T>[],
  ): Steps<Steps<void>> {
    const { what, backend, rules, onUpdate } = this.terms;
    // Otherwise nobody comes between.
    if (!backend.isSynchronous) {
      holdMeanwhile({ name: `${what}.${call}`, isReader: true }, current, identitiesOf(groups));
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
    const results = yield* update({ call, backend, transaction: current }, dues);
    current.commit(() => {
      groups.forEach((group, n) => {
        group.running = results.slice(n * rules.length, (n + 1) * rules.length);
      });
    });
    const tell = this.#tell.bind(this);
    return (function* () {
      for (const [n, read] of reads.entries()) {
        const [due, after] = [dues[n], results[n]];
        if (due === undefined || after === undefined) continue;
        yield* tell(() => due.reporter.after(read, due.weight, after));
      }
    })();
  }

  /** Frees the averages; the model goes on without them. */
  *dispose(): Steps<void> {
    yield* this.alone('dispose', (current) => this.#free(current));
  }

  *#free(current: Transaction): Steps<void> {
    this.#requireNotShown('dispose');
    const { status } = this;
    if (status.kind === 'swapped') yield* status.loan.recall(current);
    const { backend } = this.terms;
    const held = this.groups.flatMap(({ running }) => running.flatMap(tensorsOf));
    current.commit(() => {
      this.status = { kind: 'disposed' };
      for (const group of this.groups) group.running = group.running.map(() => NOTHING_AVERAGED);
    });
    current.release(backend, held);
  }

  /** The index of the average of that name; the first unless given. */
  indexOf(call: string, name: string | undefined): number {
    const names = this.terms.rules.map((rule) => rule.name);
    const index = name === undefined ? 0 : names.indexOf(name);
    if (index >= 0) return index;
    throw new RangeError(`${call}: there is no average "${name}", only ${quoted(names)}.`);
  }

  /** The update is made and counted: what fails here must not look as if it were not. */
  *#tell(report: () => Steps<UpdateReport>): Steps<void> {
    const { onUpdate, warn, what } = this.terms;
    const failed = (error: unknown): void =>
      warn(`${what}: onUpdate failed, after the update: ${String(error)}`);
    try {
      const told = onUpdate?.(yield* report());
      Promise.resolve(told).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

function identitiesOf<T>(groups: readonly AveragedGroup<T>[]): readonly PlaceIdentity[] {
  return groups.flatMap(({ list }) => list.identities);
}

/** How the live weights come back into the model. */
function wayBack(by: string): string {
  return by === 'withAveraged' ? 'Wait for withAveraged' : `Call ${by} once more`;
}
