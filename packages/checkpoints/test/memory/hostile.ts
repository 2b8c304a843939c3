// Files of a few MB that take most memory for their size.
import { delimited } from './protobuf.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

function many(count: number, member: (name: string) => string): string {
  return Array.from({ length: count }, (_, n) => member(n.toString(36))).join();
}

function safetensors(header: string): Uint8Array {
  const json = text(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.byteLength), true);
  return Buffer.concat([length, json]);
}

const EMPTY = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
const state = (averages: string): Uint8Array =>
  safetensors(
    `{"__metadata__":{"polyak":${JSON.stringify(`{"state":{"averages":${averages}}}`)}}}`,
  );

const manifest = (groups: string): Uint8Array => text(`{"weightsManifest":[${groups}]}`);
const topology = (json: string): Uint8Array =>
  text(`{"modelTopology":${json},"weightsManifest":[]}`);

const repeated = (bytes: Uint8Array, count: number): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, () => bytes));
const model = (graph: Uint8Array, rest: Uint8Array = new Uint8Array()): Uint8Array =>
  Buffer.concat([Uint8Array.of(8, 10), delimited(7, graph), rest]);
const initializers = (count: number, ...fields: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(
    Array.from({ length: count }, (_, n) =>
      delimited(5, Buffer.concat([delimited(8, text(n.toString(36))), ...fields])),
    ),
  );
const NOTHING = new Uint8Array();
const FLOAT = Uint8Array.of(0x10, 1);
const ONE_INT64 = Uint8Array.of(0x10, 7, 8, 1);
/** A comment, so that a tensor takes as many bytes as the shortest that many of are read. */
const COMMENT = delimited(12, new Uint8Array(24));

/** Files by their names, which say what they have many of. */
export const HOSTILE: Readonly<Record<string, () => Uint8Array>> = {
  'tensors.safetensors': () => safetensors(`{${many(1e5, (n) => `"${n}":${EMPTY}`)}}`),
  'strings.safetensors': () =>
    safetensors(`{"__metadata__":{${many(65_536, (n) => `"${n}":""`)}}}`),
  'state-lists.safetensors': () => state(`[${'[],'.repeat(1e5)}[]]`),
  'state-records.safetensors': () => state(`[${many(7e4, (n) => `{"${n}":0}`)}]`),
  'state-members.safetensors': () => state(`{${many(2e5, (n) => `"${n}":0`)}}`),
  'index-numbers.json': () => text(`{"weight_map":{},"x":[${'0,'.repeat(2e6)}0]}`),
  'index-files.json': () => text(`{"weight_map":{${many(3e5, (n) => `"${n}":"${n}"`)}}}`),
  'groups.json': () => manifest(Array(2e5).fill('{"paths":[],"weights":[]}').join()),
  'paths.json': () => manifest(`{"paths":[${many(6e5, (n) => `"${n}"`)}],"weights":[]}`),
  'weights.json': () => {
    const weight = (name: string): string => `{"name":"${name}","shape":[],"dtype":"bool"}`;
    return manifest(`{"paths":[],"weights":[${many(1e5, weight)}]}`);
  },
  'extents.json': () => {
    const shape = `${'0,'.repeat(2e6)}0`;
    return manifest(`{"paths":[],"weights":[{"name":"w","dtype":"bool","shape":[${shape}]}]}`);
  },
  'manifest-keys.json': () => manifest(many(4e5, (n) => `{"${n}":0}`)),
  'topology-keys.json': () => topology(`[${many(4e5, (n) => `{"${n}":0}`)}]`),
  'topology-records.json': () => topology(`[${'{},'.repeat(1e6)}{}]`),
  'topology-levels.json': () => topology('['.repeat(4e6)),
  'members.json': () => text(`{${many(4e5, (n) => `"${n}":0`)},"weightsManifest":[]}`),
  'empty-tensors.onnx': () => model(repeated(delimited(5, NOTHING), 1e6)),
  'short-tensors.onnx': () => model(initializers(2e5, FLOAT)),
  'tensors.onnx': () => {
    const data = delimited(9, new Uint8Array(4));
    return model(initializers(1e5, COMMENT, FLOAT, data));
  },
  'integers.onnx': () => {
    const data = delimited(7, new Uint8Array(1));
    return model(initializers(1e5, COMMENT, ONE_INT64, data));
  },
  'extents.onnx': () => model(initializers(1, delimited(1, new Uint8Array(4e6)))),
  'entries.onnx': () => model(initializers(1, repeated(delimited(13, NOTHING), 2e6))),
  'nodes.onnx': () => model(repeated(delimited(1, delimited(5, delimited(6, NOTHING))), 6e5)),
  'metadata.onnx': () => model(NOTHING, repeated(delimited(14, delimited(1, NOTHING)), 6e5)),
};
