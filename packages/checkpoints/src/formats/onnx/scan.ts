// Finds the tensors of an ONNX model whose bytes a merge replaces, without reading their data:
// the initializers of the main graph, and all tensors with data in other files.
import type { ByteSource } from '@polyak/safetensors';
import { entryOf, noteTensorField } from './tensor-fields.js';
import type { TensorFields, Writable } from './tensor-fields.js';
import type { Field } from './wire.js';
import { WIRE, WireReader } from './wire.js';

/** A message of the model. An output has the same fields but for those that are replaced. */
export interface Message {
  /** Which. */
  readonly kind: MessageKind;
  /** The number of the field that it is. */
  readonly number: number;
  /** The offset of its tag in the file. */
  readonly tagAt: number;
  /** The offset of its contents. */
  readonly begin: number;
  /** The offset behind its contents. */
  readonly end: number;
  /** What is replaced in it, in the order of the file. */
  readonly parts: readonly Part[];
}

/** A field that is replaced: by nothing, or within. */
type Part =
  | Message
  | TensorMessage
  | { readonly kind: 'dropped'; readonly tagAt: number; readonly end: number };

/** A TensorProto. */
export interface TensorMessage extends TensorFields {
  readonly kind: 'tensor';
  /** Whether it is an initializer of the main graph. */
  readonly isInitializer: boolean;
  /** See {@link Message}. */
  readonly number: number;
  /** See {@link Message}. */
  readonly tagAt: number;
  /** See {@link Message}. */
  readonly begin: number;
  /** See {@link Message}. */
  readonly end: number;
}

/** What {@link scanModel} finds. */
export interface ScannedModel {
  /** The model. */
  readonly root: Message;
  /** The tensors in it, in order. */
  readonly tensors: readonly TensorMessage[];
  /** Its metadata. */
  readonly metadata: readonly (readonly [string, string])[];
}

type MessageKind = 'model' | 'graph' | 'node' | 'attribute' | 'sparse' | 'training' | 'function';

/** The fields that may hold tensors, by number. */
const INSIDE: Readonly<Record<MessageKind, Readonly<Record<number, MessageKind | 'tensor'>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
};

const IR_VERSION = 1;
const GRAPH = 7;
const INITIALIZER = 5;
/** The field of the model's metadata. */
export const METADATA_PROPS = 14;
// protobuf's own limit.
const MAX_DEPTH = 100;
// What is kept of a tensor takes up to 500 bytes. A model whose parts are shorter than this on
// average, of which many more than these are, is none that anyone made.
const SHORTEST_PART = 40;
const FREE_PARTS = 2 ** 14;
// One for all tensors: an array of its own takes memory, and one that grows takes much.
const NONE: readonly never[] = [];

/** A message that is being read. */
type Open = (Omit<Message, 'parts'> & { readonly parts: Part[] }) | Writable<TensorMessage>;

/**
 * Scans a model.
 *
 * @param source - the .onnx file
 * @throws SyntaxError where it is not an ONNX model
 */
export async function scanModel(source: ByteSource): Promise<ScannedModel> {
  const reader = new WireReader(source);
  const parts: Part[] = [];
  const root = { kind: 'model' as const, number: 0, tagAt: 0, begin: 0, end: source.size, parts };
  const stack: Open[] = [root];
  const tensors: TensorMessage[] = [];
  const metadata: (readonly [string, string])[] = [];
  const seen = new Set<number>();
  const room = { parts: FREE_PARTS + source.size / SHORTEST_PART };
  let at = 0;
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (at === top.end) {
      stack.pop();
      closeMessage(top, stack.at(-1), tensors, room);
      continue;
    }
    if (!reader.isLoaded(at)) await reader.load(at);
    const field = reader.next(at, top.end);
    const inner = top.kind === 'tensor' ? undefined : INSIDE[top.kind][field.number];
    if (top === root) noteModelField(field, seen);
    if (inner !== undefined) {
      stack.push(openMessage(inner, field, stack));
      at = field.begin;
      continue;
    }
    at = field.end;
    if (top.kind === 'tensor') {
      const noting = noteTensorField(top, field, reader);
      if (noting !== undefined) await noting;
    } else if (top === root && field.number === METADATA_PROPS) {
      keep({ kind: 'dropped', tagAt: field.tagAt, end: field.end }, parts, room);
      metadata.push(entryOf(await reader.bytes(field.begin, field.end)));
    }
  }
  if (!seen.has(IR_VERSION)) throw new SyntaxError('it has no IR version');
  if (!seen.has(GRAPH)) throw new SyntaxError('it has no graph');
  return { root, tensors, metadata };
}

function noteModelField({ number, tagAt }: Field, seen: Set<number>): void {
  if (number === GRAPH && seen.has(GRAPH)) {
    throw new SyntaxError(`byte ${tagAt}: a second graph`);
  }
  seen.add(number);
}

function openMessage(kind: MessageKind | 'tensor', field: Field, stack: readonly Open[]): Open {
  const { tagAt, begin, end, wireType, number } = field;
  if (wireType !== WIRE.delimited) {
    throw new SyntaxError(
      `byte ${tagAt}: field ${number} has wire type ${wireType}, expected ${WIRE.delimited}`,
    );
  }
  if (stack.length > MAX_DEPTH) {
    throw new SyntaxError(`byte ${tagAt}: nested deeper than ${MAX_DEPTH}`);
  }
  if (kind !== 'tensor') return { kind, number, tagAt, begin, end, parts: [] };
  const isInitializer = stack.length === 2 && number === INITIALIZER && stack[1]?.kind === 'graph';
  return {
    kind,
    isInitializer,
    number,
    tagAt,
    begin,
    end,
    name: '',
    dims: NONE,
    dataType: 0,
    isExternal: false,
    external: NONE,
    data: undefined,
  };
}

/** How many parts may still be kept. */
interface Room {
  parts: number;
}

/** Keeps a message that has something to replace. */
function closeMessage(
  message: Open,
  parent: Open | undefined,
  tensors: TensorMessage[],
  room: Room,
): void {
  if (parent === undefined || parent.kind === 'tensor') return;
  if (message.kind !== 'tensor') {
    if (message.parts.length > 0) keep(message, parent.parts, room);
  } else if (message.isInitializer || message.isExternal) {
    keep(message, parent.parts, room);
    tensors.push(message);
  }
}

function keep(part: Part, parts: Part[], room: Room): void {
  room.parts -= 1;
  if (room.parts < 0) {
    throw new SyntaxError(
      `byte ${part.tagAt}: it has more tensors than its length allows, expected ` +
        `${SHORTEST_PART} bytes or more for each`,
    );
  }
  parts.push(part);
}
