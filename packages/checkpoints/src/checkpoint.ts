// What a checkpoint is, whatever its file format: tensors by name, each a range of bytes in a file.
import type { ByteSource, StoredDType } from '@polyak/safetensors';

/** A file of a checkpoint. */
export interface CheckpointFile {
  /** For messages, and for the record of what was merged: a path or the name of a `File`. */
  readonly name: string;
  /** The bytes of the file. */
  readonly source: ByteSource;
}

/** Where the elements of a tensor lie, row-major and little-endian. */
export interface TensorPlace {
  /** The type of the elements; those of a type that is not ours can only be copied. */
  readonly dtype: StoredDType;
  /** The extents, outermost first. */
  readonly shape: readonly number[];
  /** Which of {@link Checkpoint.files}. */
  readonly file: number;
  /** The offset of the first element in that file, in bytes. */
  readonly begin: number;
  /** The length of all elements, in bytes. */
  readonly byteLength: number;
}

/** The formats that are read and written. */
export type CheckpointFormat = 'safetensors' | 'onnx' | 'tfjs' | 'polyak';

/** An open checkpoint. Nothing but its header is in memory. */
export interface Checkpoint {
  /** For messages: the path, or the name of the file. */
  readonly name: string;
  /** The format of its files. */
  readonly format: CheckpointFormat;
  /** Its files; tensors name them by index. */
  readonly files: readonly CheckpointFile[];
  /** The tensors by name, in the order of the file. Checkpoints with equal headers may share it. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  /** The file's own strings. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * How a checkpoint of this format is written. A pure function of its argument: it is called
   * before a merge and after it, with metadata of the same length.
   *
   * @throws PolyakError `ERR_MISMATCH` where the format cannot hold what is asked for, such as
   * other names or dtypes in an ONNX model
   */
  layout(request: LayoutRequest): Promise<OutputLayout>;
  /** Closes the files. */
  close(): Promise<void>;
}

/** A tensor of the output. */
export interface OutputTensor {
  /** The type of the elements. */
  readonly dtype: StoredDType;
  /** The extents, outermost first. */
  readonly shape: readonly number[];
  /** The name of the tensor of this checkpoint that it takes the place of. */
  readonly replaces: string;
}

/** What {@link Checkpoint.layout} lays out. */
export interface LayoutRequest {
  /** The file name of the output without a folder, such as `mean.safetensors`. */
  readonly name: string;
  /** The tensors of the output, by name. */
  readonly tensors: ReadonlyMap<string, OutputTensor>;
  /** The metadata of the output, all of it. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The most bytes of a file, where the output is to be cut into several. */
  readonly shardBytes?: number;
}

/** The bytes of an output, piece by piece. */
export interface OutputLayout {
  /**
   * The files. The last is the one that readers open, such as an index; it is published last.
   * None has the name of another.
   */
  readonly files: readonly OutputFile[];
}

/** A file of an output. */
export interface OutputFile {
  /** The file name: relative to the folder of the output, without `..`. */
  readonly name: string;
  /** What the file holds, from its first byte to its last. */
  readonly pieces: readonly Piece[];
}

/** Bytes of an output, such as a header. */
export interface BytesPiece {
  /** Tells pieces apart. */
  readonly kind: 'bytes';
  /** The bytes. */
  readonly bytes: Uint8Array;
}

/** A range of another file that an output has too. */
export interface CopyPiece {
  /** Tells pieces apart. */
  readonly kind: 'copy';
  /** The bytes of that file. */
  readonly source: ByteSource;
  /** The offset of the first byte there. */
  readonly begin: number;
  /** The length in bytes. */
  readonly byteLength: number;
}

/** The elements of a tensor of an output. */
export interface TensorPiece {
  /** Tells pieces apart. */
  readonly kind: 'tensor';
  /** The name of the tensor. */
  readonly name: string;
  /** The length of its elements in bytes. */
  readonly byteLength: number;
}

/** A part of a file of an output. */
export type Piece = BytesPiece | CopyPiece | TensorPiece;
