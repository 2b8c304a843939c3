// The numbers that a block shows: of one experiment and budget, by method and seed.
import { mean } from '@polyak/example-shared/statistics';

import { listOf, optionOf, type Block } from '../blocks.js';
import { Failure } from '../failure.js';
import type { MethodLine } from './method-lines.js';
import type { Metric } from '../tables/metrics.js';

/** Values by seed. */
export type BySeed = ReadonlyMap<number, number>;

/** One method's lines. */
export interface Measured {
  readonly method: string;
  readonly lines: readonly MethodLine[];
}

/** The lines of a block's experiment that its option `methods` lets through; `*` ends a prefix. */
export function linesOf(block: Block, lines: readonly MethodLine[]): readonly MethodLine[] {
  const patterns = block.options.has('methods') ? listOf(block, 'methods') : ['*'];
  const own = lines.filter(({ experiment }) => experiment === block.subject);
  for (const pattern of patterns) {
    if (own.some(({ method }) => matches(method, pattern))) continue;
    const found = [...new Set(own.map(({ method }) => method))].join(', ') || 'no lines at all';
    throw new Failure(
      `${block.place}: "${block.subject}" has no line of a method "${pattern}"; it has ${found}.`,
    );
  }
  return own.filter(({ method }) => patterns.some((pattern) => matches(method, pattern)));
}

/**
 * The lines of a block over budgets: at each, those of the seeds that the first of its `methods`
 * has there. So means can be compared.
 */
export function linesOverBudgets(
  block: Block,
  lines: readonly MethodLine[],
): readonly MethodLine[] {
  const [baseline] = listOf(block, 'methods');
  const own = linesOf(block, lines);
  const keyOf = ({ budget, seed }: MethodLine): string => `${budget} ${seed}`;
  const paired = new Set(own.filter(({ method }) => method === baseline).map(keyOf));
  return own.filter((line) => paired.has(keyOf(line)));
}

/** The methods at the block's budget: its baseline first, then by a measure, the best first. */
export function methodsOf(
  block: Block,
  lines: readonly MethodLine[],
  metric: Metric,
): readonly Measured[] {
  const budgets = listOf(block, 'budget').map(Number);
  const baseline = optionOf(block, 'baseline');
  const own = linesOf(block, lines).filter(({ budget }) => budgets.includes(budget));
  const methods = [...new Set(own.map(({ method }) => method))];
  if (!methods.includes(baseline)) {
    throw new Failure(
      `${block.place}: no line of "${block.subject}" with budget ${budgets.join(', ')} has the ` +
        `baseline "${baseline}"; there are ${methods.join(', ') || 'none'}.`,
    );
  }
  const sign = metric.better === 'higher' ? -1 : 1;
  const rank = ({ method, lines: its }: Measured): number => {
    if (method === baseline) return -Infinity;
    const values = [...valuesOf(its, metric).values()];
    return values.length === 0 ? Infinity : sign * mean(values);
  };
  return methods
    .map((method) => ({ method, lines: ofOneBudget(block, method, own) }))
    .toSorted((one, other) => compare(rank(one), rank(other)));
}

/** A table may have methods that take more training, but each once. */
function ofOneBudget(
  { place }: Block,
  method: string,
  lines: readonly MethodLine[],
): readonly MethodLine[] {
  const own = lines.filter((line) => line.method === method);
  const budgets = [...new Set(own.map(({ budget }) => budget))];
  if (budgets.length === 1) return own;
  throw new Failure(
    `${place}: "${method}" has lines of the budgets ${budgets.join(', ')}. Choose with methods=…`,
  );
}

/** The values of a measure by seed. */
export function valuesOf(lines: readonly MethodLine[], { key }: Metric): BySeed {
  return new Map(
    lines.flatMap(({ seed, measures }) => {
      const value = measures.get(key);
      return value === undefined ? [] : [[seed, value] as const];
    }),
  );
}

/** The seeds of some lines, in order. */
export function seedsOf(lines: readonly MethodLine[]): readonly number[] {
  return [...new Set(lines.map(({ seed }) => seed))].toSorted((one, other) => one - other);
}

function matches(method: string, pattern: string): boolean {
  return pattern.endsWith('*') ? method.startsWith(pattern.slice(0, -1)) : method === pattern;
}

/** Infinities are equal to themselves, which a difference would not say. */
function compare(one: number, other: number): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
