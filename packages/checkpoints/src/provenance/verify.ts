// Whether a file, and those that it was made from, are still what they were.
import { PolyakError } from '@polyak/core';
import { requireOptions } from '@polyak/core/kit';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { CHECKSUM } from '../engine/checksum.js';
import { patternOf, renamingOf } from '../names/pattern.js';
import type { NameRules } from '../names/rules.js';
import type { ReadOptions } from './checksums.js';
import { inputChecksums, outputChecksum } from './checksums.js';
import { mergeRecordOf } from './read-record.js';
import type { MergeRecord, RecordedInput } from './record.js';
import { RECORD_KEY } from './record.js';

/** What became of a file since a merge. */
export interface VerifiedFile {
  /** `output` for the checkpoint that is verified, `input` for what it was made from. */
  readonly role: 'output' | 'input';
  /** The name of the file; that of the checkpoint for an output, and for what is missing. */
  readonly name: string;
  /** Whether the tensors have the bytes that they had; `missing` if they cannot be read. */
  readonly verdict: 'same' | 'differs' | 'missing';
}

/** Options of {@link verifyCheckpoint}. */
export interface VerifyOptions extends ReadOptions {
  /**
   * Opens an input by the name that it was given in the merge. Undefined if there is none. It is
   * closed after it was read.
   */
  open(name: string): Promise<Checkpoint | undefined>;
}

/**
 * Compares a checkpoint that a merge made, and its inputs, with the record of the merge. Their
 * tensors are read again.
 *
 * The checksums find damage and files that were confused. They are no proof against an adversary,
 * who can write any record.
 *
 * @param checkpoint - the output of a merge
 * @param options - how its inputs are opened
 * @returns a row for the checkpoint, then one for each file of its inputs
 * @throws PolyakError `ERR_CHECKPOINT` if it has no record, a malformed one, or one with checksums
 *   of another version
 * @throws TypeError where the options are no object, or one of them is not known
 */
export async function verifyCheckpoint(
  checkpoint: Checkpoint,
  options: VerifyOptions,
): Promise<VerifiedFile[]> {
  const known = ['open', 'signal', 'onProgress'];
  const given = requireOptions('verifyCheckpoint', options, known);
  const record = mergeRecordOf(checkpoint);
  if (record === undefined) {
    throw new PolyakError(
      'ERR_CHECKPOINT',
      `${checkpoint.name} has no record of a merge to be verified by: its metadata lacks ` +
        `"${RECORD_KEY}".`,
    );
  }
  if (record.checksum !== CHECKSUM) {
    throw new PolyakError(
      'ERR_CHECKPOINT',
      `${checkpoint.name}: the record of the merge that made it is of version ${record.version}, ` +
        'with checksums that this version does not verify. Merge again.',
    );
  }
  const output = await outputChecksum(checkpoint, given);
  const files: VerifiedFile[] = [
    { role: 'output', name: checkpoint.name, verdict: verdictOf(output === record.output) },
  ];
  for (const [index, input] of record.inputs.entries()) {
    const isTemplate = index === record.inputs.length - 1;
    files.push(...(await verifyInput(input, isTemplate ? {} : record.names, given)));
  }
  if (record.base !== undefined) {
    files.push(...(await verifyInput(record.base, record.names, given)));
  }
  return files;
}

async function verifyInput(
  input: RecordedInput,
  names: MergeRecord['names'] = {},
  options: VerifyOptions,
): Promise<VerifiedFile[]> {
  const { name, byteLength, checksums } = input;
  const checkpoint = await options.open(name);
  if (checkpoint === undefined) return [{ role: 'input', name, verdict: 'missing' }];
  try {
    const { files } = checkpoint;
    const found = files.reduce((sum, { source }) => sum + source.size, 0);
    if (found !== byteLength || files.length !== checksums.length) {
      return [{ role: 'input', name, verdict: 'differs' }];
    }
    const now = await inputChecksums(checkpoint, selected(checkpoint, names), options);
    return files.map((file, index) => ({
      role: 'input',
      name: file.name,
      verdict: verdictOf(now[index] === checksums[index]),
    }));
  } finally {
    await checkpoint.close();
  }
}

function verdictOf(isSame: boolean): 'same' | 'differs' {
  return isSame ? 'same' : 'differs';
}

/** The tensors that were merged. A pattern may match none here: it was meant for other inputs. */
function* selected(
  { name: checkpoint, tensors }: Checkpoint,
  { rename = [], include, exclude = [] }: NameRules,
): Generator<TensorPlace> {
  const renamings = rename.map(({ from, to }) => renamingOf(checkpoint, from, to));
  const included = include?.map((text) => patternOf(checkpoint, text));
  const excluded = exclude.map((text) => patternOf(checkpoint, text));
  for (const [original, place] of tensors) {
    const name = renamings.reduce((last, rule) => rule.renamed(last) ?? last, original);
    const isIncluded = included?.some((pattern) => pattern.matches(name)) ?? true;
    if (isIncluded && !excluded.some((pattern) => pattern.matches(name))) yield place;
  }
}
