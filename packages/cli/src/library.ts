// What the commands need of @polyak/checkpoints.
import type { Checkpoint, MergeMethod } from '@polyak/checkpoints';
import type { Progress } from './progress.js';

export interface RenameRule {
  readonly from: string;
  readonly to: string;
}

export interface NameRules {
  readonly rename?: readonly RenameRule[];
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

export interface MergeFilesOptions {
  readonly method?: MergeMethod;
  readonly weights?: readonly number[];
  readonly base?: string;
  readonly names?: NameRules;
  readonly rows?: readonly string[];
  readonly dtype?: string;
  readonly integers?: 'equal' | 'last';
  readonly nonFinite?: 'refuse' | 'skip' | 'propagate';
  readonly shardBytes?: number;
  readonly force?: boolean;
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  readonly onWarning?: (message: string) => void;
}

export interface MergeReport {
  readonly files: readonly string[];
  readonly tensors: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface MergePlan {
  readonly files: readonly string[];
  readonly tensors: number;
  readonly bytesToRead: number;
  readonly bytesToWrite: number;
  readonly memoryBytes: number;
  readonly leftOut: readonly string[];
}

function missing(name: string): Error {
  return new Error(`${name} is not there yet`);
}

export function mergeFiles(
  _inputs: readonly string[],
  _output: string,
  _options: MergeFilesOptions,
): Promise<MergeReport> {
  throw missing('mergeFiles');
}

export function planMergeFiles(
  _inputs: readonly string[],
  _output: string,
  _options: MergeFilesOptions,
): Promise<MergePlan> {
  throw missing('planMergeFiles');
}

export function openCheckpoint(_path: string): Promise<Checkpoint> {
  throw missing('openCheckpoint');
}
