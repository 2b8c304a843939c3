// Means of checkpoint files, against merely reading them, and against Python.
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import type { Row, Subject } from '../row.js';
import { Skipped } from '../row.js';
import { TorchProcess } from '../torch/python.js';
import { checkpointFiles, readFiles } from './shared/checkpoint-files.js';
import type { CheckpointFiles, CheckpointSize } from './shared/checkpoint-files.js';

const FILES = 10;
const [LARGE, MANY_TENSORS] = [100_000_000, 100_000];
/** A call takes seconds. */
const PAIRS = 5;
const READING = 'reading the files';

/** Issue 12: at least 0.5 of the rate of reading, in half precision 0.3. */
const SIZES = [
  { dtype: 'float32', elements: LARGE, tensors: 160, target: 2 },
  { dtype: 'bfloat16', elements: LARGE, tensors: 160, target: 3.3 },
  { dtype: 'float16', elements: LARGE, tensors: 160, target: 3.3 },
] as const;
/** What runs in seconds. The gate leaves what a busy machine needs. */
const GATED = { dtype: 'float32', elements: 10_000_000, tensors: 160, gate: 6 } as const;
const MANY = { dtype: 'float32', elements: 10_000_000, tensors: MANY_TENSORS } as const;
const NOTE =
  'A merge also writes the mean and a checksum of every file: written bytes cost five times as ' +
  'much as bytes that are read.';

/** How Python users make a mean; functions of merge.py. */
const PEERS = [
  { work: 'file_by_file', name: 'safetensors and torch, file by file' },
  { work: 'lazily', name: 'safetensors and torch, tensor by tensor' },
  { work: 'numpy_file_by_file', name: 'safetensors and numpy' },
] as const;

/** The rows of merges. */
export async function mergeRows(): Promise<readonly Row[]> {
  return [
    ...[...SIZES, GATED].map((size) => ({
      ...rowOf(size),
      against: READING,
      note: NOTE,
      pairs: 'gate' in size ? 2 * PAIRS : PAIRS,
      ...('gate' in size ? { gate: size.gate } : { target: size.target }),
      prepare: () => readingSubject(size),
    })),
    {
      ...rowOf(MANY),
      against: 'the same in one tensor',
      target: 2,
      pairs: PAIRS,
      prepare: () => manySubject(MANY),
    },
    ...(await peerRows()),
  ];
}

async function peerRows(): Promise<readonly Row[]> {
  let torch: TorchProcess;
  try {
    torch = await TorchProcess.start('merge.py');
  } catch (error) {
    if (!(error instanceof Skipped)) throw error;
    // The other rows need no Python.
    const refuse = () => {
      throw error;
    };
    return [{ ...rowOf(SIZES[0]), against: 'Python', isPeer: true, prepare: refuse }];
  }
  return SIZES.flatMap((size) =>
    // numpy has no bfloat16.
    PEERS.filter(({ name }) => size.dtype !== 'bfloat16' || !name.includes('numpy')).map(
      ({ work, name }) => ({
        ...rowOf(size),
        against: name,
        isPeer: true,
        pairs: PAIRS,
        note: `PyTorch ${torch.version} computes no checksums.`,
        prepare: () => peerSubject(torch, work, size),
      }),
    ),
  );
}

function rowOf({ dtype, elements, tensors }: CheckpointSize) {
  return {
    work: 'merge',
    name: `mergeFiles, mean of ${FILES} files of ${dtype}`,
    elements,
    tensors,
    bytesPerElement: (FILES + 1) * (dtype === 'float32' ? 4 : 2),
  };
}

async function readingSubject(size: CheckpointSize): Promise<Subject> {
  const files = await checkpointFiles(FILES, size);
  return {
    variant: () => merged(files),
    reference: () => readFiles(files.inputs),
    release: files.remove,
  };
}

async function manySubject(size: CheckpointSize): Promise<Subject> {
  const many = await checkpointFiles(FILES, size);
  const one = await checkpointFiles(FILES, { ...size, tensors: 1 });
  return {
    variant: () => merged(many),
    reference: () => merged(one),
    async release() {
      await many.remove();
      await one.remove();
    },
  };
}

async function peerSubject(
  torch: TorchProcess,
  work: string,
  size: CheckpointSize,
): Promise<Subject> {
  const files = await checkpointFiles(FILES, size);
  const { inputs, output } = files;
  return {
    variant: () => merged(files),
    reference: torch.sample((repeats) => ({ work, inputs, output: `${output}.peer`, repeats })),
    release: files.remove,
  };
}

async function merged({ inputs, output }: CheckpointFiles): Promise<void> {
  await mergeFiles(inputs, output, { method: mean(inputs.length), force: true });
}
