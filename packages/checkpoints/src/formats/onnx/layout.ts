// How an ONNX model is written with other data: the bytes of the model, with the data of its
// tensors replaced in place. Nothing else of it is decoded, so that nothing is lost.
import { PolyakError } from '@polyak/core';
import type { ByteSource } from '@polyak/safetensors';
import type {
  CheckpointFile,
  LayoutRequest,
  OutputLayout,
  Piece,
  TensorPlace,
} from '../../checkpoint.js';
import { requireSameTensors } from '../same-tensors.js';
import { PieceList } from './piece-list.js';
import type { Message, ScannedModel, TensorMessage } from './scan.js';
import { METADATA_PROPS } from './scan.js';
import type { ModelData, TensorData } from './tensor-data.js';
import { DATA_FIELDS, TENSOR } from './tensor-fields.js';
import { delimited, tag, varint, WIRE, WireReader } from './wire.js';

/** An open model. */
export interface OpenModel {
  /** For messages. */
  readonly name: string;
  /** The .onnx file. */
  readonly source: ByteSource;
  /** What is in it. */
  readonly model: ScannedModel;
  /** Where the data of its tensors are. */
  readonly data: ModelData;
  /** Its tensors. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
}

// The most bytes in one protobuf message.
const MAX_MESSAGE = 2 ** 31 - 1;
// The specification recommends that data begin at a page. Many small tensors would be mostly
// padding.
const PAGE = 4096;
const SMALL_ALIGNMENT = 64;
const ZEROS = new Uint8Array(PAGE);
const EXTERNAL = 1;

/**
 * Lays out a model with other data.
 *
 * @param opened - the model that it is made from
 * @param request - the tensors must be those of the model
 * @throws PolyakError `ERR_MISMATCH` where they are not
 */
export async function layoutModel(
  opened: OpenModel,
  request: LayoutRequest,
): Promise<OutputLayout> {
  const { name, metadata, shardBytes } = request;
  requireSameTensors(`${opened.name}, an ONNX model`, opened.tensors, request);
  if (shardBytes !== undefined) {
    throw new PolyakError(
      'ERR_MISMATCH',
      `${opened.name}: an ONNX model is not cut into shards. Leave the size of shards out.`,
    );
  }
  const writer = new ModelWriter(opened, request);
  const pieces = await writer.message(opened.model.root);
  for (const [key, value] of Object.entries(metadata)) {
    pieces.bytes(delimited(METADATA_PROPS, entryBytes(key, value)));
  }
  if (pieces.byteLength > MAX_MESSAGE) {
    throw new PolyakError(
      'ERR_MISMATCH',
      `${opened.name}: the output takes ${pieces.byteLength} bytes in one file, ONNX allows ` +
        `${MAX_MESSAGE}. Save the models with external data first, in Python: ` +
        'onnx.save(model, path, save_as_external_data=True).',
    );
  }
  const main = { name, pieces: await pieces.settled(writer.reader) };
  const { external, location } = writer;
  return { files: external.length === 0 ? [main] : [{ name: location, pieces: external }, main] };
}

/** Writes messages of a model. */
class ModelWriter {
  /** Of the .onnx file. */
  readonly reader: WireReader;
  /** The name of the file of external data. */
  readonly location: string;
  /** What is in it. */
  readonly external: Piece[] = [];
  #externalEnd = 0;
  readonly #opened: OpenModel;
  readonly #request: LayoutRequest;

  constructor(opened: OpenModel, request: LayoutRequest) {
    this.reader = new WireReader(opened.source);
    this.location = `${request.name}.data`;
    this.#opened = opened;
    this.#request = request;
  }

  /** The contents of a message, with its parts replaced. */
  async message({ begin, end, parts }: Message): Promise<PieceList> {
    const list = new PieceList(this.#opened.source);
    let at = begin;
    for (const part of parts) {
      list.copy(at, part.tagAt);
      at = part.end;
      if (part.kind === 'dropped') continue;
      const contents = part.kind === 'tensor' ? await this.#tensor(part) : await this.message(part);
      list.bytes([...tag(part.number, WIRE.delimited), ...varint(contents.byteLength)]);
      list.append(contents);
    }
    list.copy(at, end);
    return list;
  }

  async #tensor(tensor: TensorMessage): Promise<PieceList> {
    const list = new PieceList(this.#opened.source);
    const data = this.#opened.data.of.get(tensor);
    if (data === undefined) {
      list.copy(tensor.begin, tensor.end);
      return list;
    }
    const { kind, begin, byteLength } = data;
    if (kind === 'inline') {
      list.copy(tensor.begin, begin);
      list.piece(this.#pieceOf(tensor, data));
      list.copy(begin + byteLength, tensor.end);
      return list;
    }
    for (let at = tensor.begin; at < tensor.end;) {
      if (!this.reader.isLoaded(at)) await this.reader.load(at);
      const field = this.reader.next(at, tensor.end);
      if (!DATA_FIELDS.has(field.number)) list.copy(at, field.end);
      at = field.end;
    }
    if (kind === 'raw') {
      list.bytes([...tag(TENSOR.rawData, WIRE.delimited), ...varint(byteLength)]);
      list.piece(this.#pieceOf(tensor, data));
      return list;
    }
    const offset = this.#placeExternal(this.#pieceOf(tensor, data), byteLength);
    const entries = { location: this.location, offset, length: byteLength };
    for (const [key, value] of Object.entries(entries)) {
      list.bytes(delimited(TENSOR.externalData, entryBytes(key, String(value))));
    }
    list.bytes([...tag(TENSOR.dataLocation, WIRE.varint), EXTERNAL]);
    return list;
  }

  /** The data of a tensor: merged, or those of the model. */
  #pieceOf({ name, isInitializer }: TensorMessage, data: TensorData): Piece {
    const { file, begin, byteLength } = data;
    if (isInitializer && this.#request.tensors.has(name))
      return { kind: 'tensor', name, byteLength };
    const { source } = this.#opened.data.files[file] as CheckpointFile;
    return { kind: 'copy', source, begin, byteLength };
  }

  #placeExternal(piece: Piece, byteLength: number): number {
    const alignment = byteLength >= PAGE ? PAGE : SMALL_ALIGNMENT;
    const offset = Math.ceil(this.#externalEnd / alignment) * alignment;
    const padding = offset - this.#externalEnd;
    if (padding > 0) this.external.push({ kind: 'bytes', bytes: ZEROS.subarray(0, padding) });
    this.external.push(piece);
    this.#externalEnd = offset + byteLength;
    return offset;
  }
}

function entryBytes(key: string, value: string): Uint8Array {
  const encoder = new TextEncoder();
  const [first, second] = [delimited(1, encoder.encode(key)), delimited(2, encoder.encode(value))];
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
