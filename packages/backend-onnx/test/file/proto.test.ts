// Bytes to models and back, and what is no model.
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { modelChunks } from '../../src/file/model-chunks.js';
import { copyModel, decodeModel, encodeModel } from '../../src/file/proto.js';
import { checkWire } from '../../src/file/wire-check.js';
import { bytesOf, modelBytes } from '../model-builder.js';
import { gemm } from '../small-model.js';

describe('decodeModel and encodeModel', () => {
  it('give back the bytes that they were given', () => {
    const bytes = modelBytes(gemm());
    expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
  });

  it('keep fields that nobody knows', () => {
    // Field 1000 of a newer version: a string of three bytes.
    const bytes = Uint8Array.of(...modelBytes(gemm()), 0xc2, 0x3e, 3, 1, 2, 3);
    expect(encodeModel(copyModel(decodeModel(bytes)))).toEqual(bytes);
  });

  it('copy nothing of large tensors, and copyModel all', () => {
    const bytes = modelBytes(gemm());
    const decoded = decodeModel(bytes);
    expect(decoded.graph.initializer[0]?.rawData.buffer).toBe(bytes.buffer);
    expect(copyModel(decoded).graph.initializer[0]?.rawData.buffer).not.toBe(bytes.buffer);
  });
});

describe('modelChunks', () => {
  it('put together are the model with its weights', () => {
    const template = decodeModel(modelBytes(gemm()));
    const weights = new Map([['w', bytesOf(Float32Array.of(5, 6, 7, 8))]]);
    const bytes = Buffer.concat(modelChunks(template, weights));
    // The template has data too, which come first; of two values protobuf takes the last.
    expect(encodeModel(fromBinary(ModelProtoSchema, new Uint8Array(bytes)))).toEqual(
      modelBytes(gemm([5, 6, 7, 8])),
    );
  });
});

describe('checkWire', () => {
  const refusal = (...bytes: number[]): string => {
    try {
      checkWire(ModelProtoSchema, Uint8Array.from(bytes));
      return 'none';
    } catch (error) {
      return error instanceof SyntaxError ? error.message : String(error);
    }
  };
  it.each([
    ['a number that is cut off', [8, 0x80], /byte 2: a number is cut off/],
    [
      'a text longer than the file',
      [0x12, 9, 65],
      /byte 2: field onnx.ModelProto.producer_name of 9 bytes, 1 are left/,
    ],
    ['a message longer than its parent', [0x3a, 2, 0x0a, 9, 1, 1], /9 bytes, 0 are left/],
    ['a field of another wire type', [0x0a, 1, 1], /ir_version has wire type 2, expected 0/],
    ['field number 0', [0, 1], /field number 0/],
    ['a group', [0xc3, 0x3e], /wire type 3/],
    [
      'packed floats of a broken length',
      [0x3a, 6, 0x2a, 4, 0x22, 2, 1, 1],
      /no whole number of elements/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(refusal(...bytes)).toMatch(message);
  });

  it('takes lists of numbers packed or one by one', () => {
    expect(refusal(0x3a, 8, 0x2a, 6, 0x0a, 2, 3, 4, 0x08, 5)).toBe('none');
  });
});
