// Bytes that are not protobuf of a model: the error names the first wrong byte.
import { loadOnnxModel } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';

async function refusal(...bytes: number[]): Promise<string> {
  return loadOnnxModel(ort, Uint8Array.from(bytes)).then(
    () => 'none',
    (error: Error) => error.message,
  );
}

describe('loadOnnxModel', () => {
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
      /not a whole number of elements/,
    ],
  ])('refuses %s', async (_, bytes, message) => {
    const found = await refusal(...bytes);
    expect(found).toMatch(/not an ONNX model, or a damaged one/);
    expect(found).toMatch(message);
  });

  it('takes lists of numbers packed or one by one', async () => {
    const found = await refusal(0x3a, 8, 0x2a, 6, 0x0a, 2, 3, 4, 0x08, 5);
    expect(found).toMatch('its IR version is 0');
  });
});
