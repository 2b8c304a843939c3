// What made a file, as an entry of its metadata: inputs with checksums, method, options, version.
import type { Checkpoint } from '../checkpoint.js';
import type { MergeReport } from '../engine/report.js';
import { CHECKSUM, RangeChecksum } from '../engine/checksum.js';
import type { LinearMerge } from '../merge/linear.js';
import type { MergeMethod } from '../merge/method.js';
import type { NameRules } from '../names/rules.js';
import { VERSION } from './version.js';

/**
 * The key of the record in a file's metadata. It is not `polyak`, by which the states of averages
 * are told apart from other files.
 */
export const RECORD_KEY = 'polyak.merge';

/** A checkpoint that was merged. */
export interface RecordedInput {
  /** Its name, as it was given. */
  readonly name: string;
  /** The length of its files, in bytes. */
  readonly byteLength: number;
  /** For each file, the checksum of what was read of it. Bytes not read count as zeros. */
  readonly checksums: readonly string[];
}

/** A method of merging in a record. */
export interface RecordedMethod {
  /** Its name. */
  readonly name: string;
  /** Its options. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** What made a file. */
export interface MergeRecord {
  /** The version of this package. */
  readonly version: string;
  /**
   * The kind of all checksums: `multilinear-96`, the three numbers of `SumKernels.checksum` of
   * `@polyak/backend-cpu/sums`, in 24 hexadecimal digits. Records without it are older; their
   * checksums miss changes, and are not verified any more.
   */
  readonly checksum?: string;
  /** The method by its name, with its options; `weights` are those of the inputs, in order. */
  readonly method: RecordedMethod;
  /** The models in order. The last one gave what was not merged. */
  readonly inputs: readonly RecordedInput[];
  /** The model that the others were trained from, for methods that have one. */
  readonly base?: RecordedInput;
  /** Which tensors were merged, and under which names. */
  readonly names?: NameRules;
  /** Patterns of tensors whose rows differ in number. */
  readonly rows?: readonly string[];
  /** The dtype of the output, if one was chosen. */
  readonly dtype?: string;
  /** What was done with numbers that are not finite. */
  readonly nonFinite: string;
  /** The checksum of the tensors of the output, one after the other in the order of their names. */
  readonly output: string;
}

/** What is merged, and how. */
export interface Recorded {
  readonly method: LinearMerge | MergeMethod;
  readonly models: readonly Checkpoint[];
  readonly base?: Checkpoint;
  readonly names?: NameRules;
  readonly rows?: readonly string[];
  readonly dtype?: string;
  readonly nonFinite: string;
}

const NOTHING = new RangeChecksum().toString();

/**
 * The text of a record. It is as long before a merge, with zeros for checksums, as after it.
 *
 * @param recorded - what is merged
 * @param report - what was read and written, after the merge
 */
export function recordText(recorded: Recorded, report?: MergeReport): string {
  const { method, models, base, names, rows = [], dtype, nonFinite } = recorded;
  const inputOf = ({ name, files }: Checkpoint, index: number): RecordedInput => ({
    name,
    byteLength: files.reduce((sum, { source }) => sum + source.size, 0),
    checksums: report?.inputs[index] ?? files.map(() => NOTHING),
  });
  const options = method.kind === 'linear' ? { weights: method.weights } : method.options;
  const record: MergeRecord = {
    version: VERSION,
    checksum: CHECKSUM,
    method: { name: method.name, options },
    inputs: models.map(inputOf),
    ...(base !== undefined && { base: inputOf(base, models.length) }),
    ...(names !== undefined && { names }),
    ...(rows.length > 0 && { rows }),
    ...(dtype !== undefined && { dtype }),
    nonFinite,
    output: report?.output ?? NOTHING,
  };
  return JSON.stringify(record);
}
