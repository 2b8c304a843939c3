// The error for checkpoints that do not fit together, which lists how and offers a renaming.
import { PolyakError } from '@polyak/core';
import { requireOptions } from '@polyak/core/kit';
import { differences, FIT_OPTIONS } from './differences.js';
import type { FitOptions, TensorDifference } from './differences.js';
import { patternOf } from './pattern.js';
import { renameBetween } from './prefixes.js';
import type { NamedTensors, RenameRule } from './rules.js';

// As many of a kind as anyone reads in a message.
const MAX_LISTED = 20;
const KINDS = ['missing', 'extra', 'shape', 'dtype'] as const;

/** Checkpoints do not fit together: a {@link PolyakError} `ERR_MISMATCH` with all differences. */
export class MismatchError extends PolyakError {
  /** All differences; the message has the first ones of each kind. */
  readonly differences: readonly TensorDifference[];
  /** Renamings after which the names are nearly alike, where well-known prefixes differ. */
  readonly renames: readonly RenameRule[];

  /**
   * @param message - for people
   * @param found - all differences
   * @param renames - renamings to offer
   */
  constructor(message: string, found: readonly TensorDifference[], renames: readonly RenameRule[]) {
    super('ERR_MISMATCH', message);
    this.differences = found;
    this.renames = renames;
  }
}

/**
 * Throws unless all checkpoints have the same tensors, of equal shapes and dtypes.
 *
 * @param call - the method that was called, for messages
 * @param checkpoints - all are compared with the first
 * @param options - which tensors may have more rows
 * @throws MismatchError where they differ
 * @throws PolyakError `ERR_MISMATCH` where a pattern of `rows` matches no tensor
 * @throws RangeError where a pattern of `rows` is malformed
 * @throws TypeError where the options are no object, or one of them is not known
 */
export function requireFit(
  call: string,
  checkpoints: readonly NamedTensors[],
  options: FitOptions = {},
): void {
  const given = requireOptions(call, options, FIT_OPTIONS);
  const [first, ...others] = checkpoints;
  if (first === undefined) return;
  const found = differences(call, checkpoints, given);
  if (found.length > 0) {
    const renames = new Map<string, RenameRule>();
    for (const tensors of new Set(others.map((other) => other.tensors))) {
      const rename = renameBetween(first.tensors, tensors);
      if (rename !== undefined) renames.set(rename.from, rename);
    }
    const offered = [...renames.values()];
    throw new MismatchError(messageOf(call, first.name, found, offered), found, offered);
  }
  for (const text of given.rows ?? []) {
    const pattern = patternOf(call, text);
    const names = [...first.tensors.keys()];
    if (names.some((name) => pattern.matches(name))) continue;
    throw new PolyakError(
      'ERR_MISMATCH',
      `${call}: no tensor matches "${text}", which names tensors that may have more rows.`,
    );
  }
}

function messageOf(
  call: string,
  first: string,
  found: readonly TensorDifference[],
  renames: readonly RenameRule[],
): string {
  const lines = [`${call}: the checkpoints do not fit ${first}:`];
  for (const kind of KINDS) {
    const ofKind = found.filter((each) => each.kind === kind);
    lines.push(...ofKind.slice(0, MAX_LISTED).map((each) => `  ${lineOf(each)}`));
    const more = ofKind.length - MAX_LISTED;
    if (more > 0) lines.push(`  and ${more} more: ${MORE[kind]}`);
  }
  const remedy =
    renames.length === 0
      ? 'Rename, include or exclude tensors by pattern, or leave a checkpoint out.'
      : `They are nearly alike with ${renames.map(optionOf).join(' ')}`;
  if (found.every(({ kind }) => kind === 'dtype')) {
    return [...lines, 'Choose the dtype of the output, and float dtypes may differ.'].join('\n');
  }
  return [...lines, remedy].join('\n');
}

const MORE = {
  missing: 'missing',
  extra: 'not in the first checkpoint',
  shape: 'of another shape',
  dtype: 'of another dtype',
} as const;

function lineOf(difference: TensorDifference): string {
  // Quoted as JSON, so that a file's names cannot control a terminal.
  const subject = `${difference.checkpoint}: ${JSON.stringify(difference.tensor)}`;
  switch (difference.kind) {
    case 'shape':
      return `${subject} has shape ${difference.found}, expected ${difference.expected}`;
    case 'dtype':
      return `${subject} is ${difference.found}, expected ${difference.expected}`;
    default:
      return `${subject} is ${difference.kind === 'missing' ? 'missing' : MORE.extra}`;
  }
}

/** A renaming as the command takes it, quoted for a shell. */
function optionOf({ from, to }: RenameRule): string {
  return `--rename '${from}=${to}'`;
}
