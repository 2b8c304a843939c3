// polyak bn-update: the batch-norm statistics of an ONNX model, estimated anew from data.
import { prepareOutput } from '@polyak/checkpoints/node';
import { bnUpdate, PolyakError } from '@polyak/core';
import { Command, Option } from 'commander';
import type { Context, PrintOptions } from '../context.js';
import { printResult, say } from '../context.js';
import { npyBatches } from '../reading/npy.js';
import { withPrintOptions } from '../arguments/options.js';
import { parseOutput } from '../arguments/output.js';
import { parseLength, parsePath } from '../arguments/parse.js';
import { countText } from '../text.js';

const EXAMPLES = `
The weights of an average have other activations than those of the training run, so that its
running means and variances do not fit them.

Examples:
  polyak bn-update mean.onnx --data images.npy -o updated.onnx
  polyak bn-update mean.onnx --data images.npy --batch-size 256 -o mean.onnx --force`;

interface BnUpdateOptions extends PrintOptions {
  readonly data: string;
  readonly batchSize: number;
  readonly output: string;
  readonly force?: true;
}

/** The command `bn-update`. */
export function bnUpdateCommand(context: Context): Command {
  const command = new Command('bn-update')
    .summary('batch-norm statistics of an ONNX model, from data')
    .description(
      'Estimates the batch-norm statistics of an ONNX model of one input. onnxruntime-node must ' +
        'be installed beside polyak.',
    )
    .argument('<model>', 'the .onnx file', parsePath)
    .requiredOption('--data <file>', 'inputs of the model, a NumPy array: X.npy', parsePath)
    .addOption(
      new Option('--batch-size <number>', 'the inputs in a batch')
        .argParser(parseLength)
        .default(32),
    )
    .requiredOption('-o, --output <path>', 'the file to write', parseOutput)
    .option('--force', 'replace the output if it exists');
  withPrintOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: BnUpdateOptions) => update(context, options, path));
}

async function update(context: Context, options: BnUpdateOptions, path: string): Promise<void> {
  const { data, batchSize, output } = options;
  await prepareOutput(output, { force: options.force ?? false });
  const { batchNormModel, loadOnnxModel } = await import('@polyak/backend-onnx');
  const ort = await onnxRuntime();
  const onWarning = (message: string): void => say(context, options, message);
  const model = await loadOnnxModel(ort, path, { onWarning });
  try {
    const batchNorm = batchNormModel(ort, model);
    async function* batches(): AsyncGenerator<InstanceType<typeof ort.Tensor>> {
      for await (const batch of npyBatches(data, batchSize)) {
        context.signal.throwIfAborted();
        yield new ort.Tensor(batch.dtype, batch.data, batch.shape);
      }
    }
    try {
      await bnUpdate(batches(), batchNorm, { onWarning });
      await model.save(output);
      const layers = batchNorm.layers.map(({ name }) => name);
      const text = `${output}: ${countText(layers.length, 'batch-norm layer')} updated`;
      printResult(context, options, { output, layers }, options.quiet ? '' : text);
    } finally {
      await batchNorm.release();
    }
  } finally {
    await model.release();
  }
}

async function onnxRuntime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      'bn-update runs the model by onnxruntime-node, which is not there or does not run here. ' +
        'Install it: npm install onnxruntime-node',
      { cause },
    );
  }
}
