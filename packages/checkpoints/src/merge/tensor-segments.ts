// The segments of one tensor of the output: which ranges of which inputs it is made from.
import type { SumDType } from '@polyak/backend-cpu/sums';
import type { Checkpoint, OutputTensor, TensorPlace } from '../checkpoint.js';
import type { RowRange } from '../names/rows.js';
import { rescaledWeights } from '../names/rows.js';
import type { NamedTensors } from '../names/rules.js';
import type { LinearMerge } from './linear.js';
import { bytesOf, isMergeable } from './float-dtypes.js';
import type { MergeMethod } from './method.js';
import type { Operand, Segment, SegmentKind, TensorSegments } from './segments.js';

/** What {@link segmentsFor} needs to know of a merge. */
export interface TensorSources {
  /** All checkpoints that are read: the models in order, then the base model. */
  readonly inputs: readonly Checkpoint[];
  /** The index of the checkpoint that tensors are copied from. */
  readonly template: number;
  /** The tensors of each input that are merged. */
  readonly selected: readonly NamedTensors[];
  /** All tensors of the template. */
  readonly whole: NamedTensors;
  /** The tensors of the output. */
  readonly tensors: ReadonlyMap<string, OutputTensor>;
  readonly method: LinearMerge | MergeMethod;
  /** For tensors whose rows differ in number: which inputs have which rows. */
  readonly rows: ReadonlyMap<string, readonly RowRange[]>;
}

/**
 * How the tensors of an output are made.
 *
 * @param sources - what is known from the headers
 */
export function segmentsFor(sources: TensorSources): TensorSegments {
  const { inputs, template, selected, whole, tensors, method, rows } = sources;
  const chosen = (selected[template] as NamedTensors).tensors;
  const everyInput = [...inputs.keys()];
  const expected = method.kind === 'linear' ? method.weights : [];
  const operandOf = (input: number, place: TensorPlace, weight: number): Operand => ({
    input,
    file: place.file,
    source: sourceOf(inputs[input] as Checkpoint, place.file),
    begin: place.begin,
    byteLength: place.byteLength,
    dtype: place.dtype,
    weight,
  });
  const extend = (open: Segment, name: string, file: number, position: number): boolean => {
    const { kind, dtype, operands } = open;
    if (kind !== 'sum' || operands.length !== inputs.length || open.file !== file) return false;
    if (open.position + open.byteLength !== position || tensors.get(name)?.dtype !== dtype)
      return false;
    if (!chosen.has(name) || rows.has(name)) return false;
    for (const { input, file: from, begin, byteLength, dtype: type, weight } of operands) {
      const place = selected[input]?.tensors.get(name);
      const follows = place?.file === from && place.begin === begin + byteLength;
      const isSame = place?.dtype === type && expected[input] === weight;
      if (!follows || !isSame) return false;
    }
    for (const operand of operands) {
      operand.byteLength += selected[operand.input]?.tensors.get(name)?.byteLength ?? 0;
    }
    const { byteLength, dtype: from } = operands.at(-1) as Operand;
    open.byteLength = (byteLength / bytesOf(from as SumDType)) * open.size;
    return true;
  };
  const segmentsOfTensor = function* (
    name: string,
    file: number,
    position: number,
  ): Generator<Segment> {
    const { dtype, shape } = tensors.get(name) as OutputTensor;
    const base = { file, position, dtype, begin: 0, tensor: undefined };
    if (!chosen.has(name)) {
      const place = whole.tensors.get(name) as TensorPlace;
      const isCast = dtype !== place.dtype && isMergeable(dtype);
      const operands = [operandOf(template, place, 1)];
      yield isCast
        ? sized('sum', base, operands, bytesOf(dtype))
        : sized('copy', base, operands, 1);
      return;
    }
    const placeOf = (input: number): TensorPlace =>
      (selected[input] as NamedTensors).tensors.get(name) as TensorPlace;
    if (!isMergeable(dtype)) {
      // The template comes last: its bytes are those of the output.
      const order = [...everyInput.filter((input) => input !== template), template];
      yield sized(
        'same',
        base,
        order.map((input) => operandOf(input, placeOf(input), 1)),
        1,
      );
      return;
    }
    const size = bytesOf(dtype);
    if (method.kind === 'blocks') {
      const operands = everyInput.map((input) => operandOf(input, placeOf(input), 1));
      const elements = shape.reduce((product, extent) => product * extent, 1);
      yield { ...sized('blocks', base, operands, size), tensor: { name, elements } };
      return;
    }
    const { weights } = method;
    const ranges = rows.get(name);
    if (ranges === undefined) {
      const operands = everyInput.map((input) =>
        operandOf(input, placeOf(input), weights[input] as number),
      );
      yield sized('sum', base, operands, size);
      return;
    }
    const rowLength = shape.slice(1).reduce((product, extent) => product * extent, 1);
    for (const { begin, end, models } of ranges) {
      const own = rescaledWeights(weights, models);
      const operands = models.map((input, i): Operand => {
        const operand = operandOf(input, placeOf(input), own[i] as number);
        const rowBytes = rowLength * bytesOf(operand.dtype as typeof dtype);
        operand.begin += begin * rowBytes;
        operand.byteLength = (end - begin) * rowBytes;
        return operand;
      });
      yield sized(
        'sum',
        { ...base, position: position + begin * rowLength * size },
        operands,
        size,
      );
    }
  };
  return { of: segmentsOfTensor, extend };
}

function sized(
  kind: SegmentKind,
  base: Omit<Segment, 'kind' | 'byteLength' | 'size' | 'operands'>,
  operands: readonly Operand[],
  size: number,
): Segment {
  const { byteLength, dtype } = operands.at(-1) as Operand;
  const isCopied = kind === 'same' || kind === 'copy' || !isMergeable(dtype);
  const length = isCopied ? byteLength : (byteLength / bytesOf(dtype)) * size;
  return { ...base, kind, size, operands, byteLength: length };
}

function sourceOf({ files }: Checkpoint, file: number): Operand['source'] {
  const found = files[file];
  if (found === undefined) throw new RangeError(`segmentsFor: there is no file ${file}.`);
  return found.source;
}
