// Runs the graphs that compute moments. There is one session for each set of layers, used for all
// batches.
import type { Moments, Parameter } from '@polyak/core/interfaces';
import { PolyakError } from '@polyak/core';
import { mergeMoments } from '@polyak/core/kit';
import type { ModelProto } from '../proto/onnx_pb.js';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { OnnxFeeds } from './batch-feeds.js';
import { momentsOf } from './batch-moments.js';
import type { BatchNormNodes } from './batch-norm-nodes.js';
import { modelError, textOf } from '../file/model-error.js';
import { feedable, isTensor } from '../dtype.js';
import type { MomentsReduction } from './moments-graph.js';
import { momentsGraph, OPTIMIZATION } from './moments-graph.js';
import type { Ort } from '../ort.js';
import { encodeModel } from '../file/proto.js';
import { whileHeld } from '../references.js';
import type { ExecutionProvider } from '../ort.js';

/** Computes moments of one model. */
export interface MomentsRunner {
  /**
   * Runs a batch.
   *
   * @param layers - the layers to measure, which normalise by the batch's own statistics
   * @param feeds - the batch
   * @returns the moments of what entered each of `layers`
   */
  run(layers: readonly BatchNormNodes[], feeds: OnnxFeeds): Promise<readonly Moments[]>;
  /** Releases all sessions after the last run has ended. */
  release(): Promise<void>;
}

/** The model and the options of {@link momentsRunner}. */
export interface MomentsSource {
  /** The graph. The weights are among its inputs. */
  readonly proto: ModelProto;
  /** The weights. */
  readonly initializers: ReadonlyMap<string, Parameter<Tensor>>;
  /** How moments are computed. */
  readonly reduction: MomentsReduction;
  /** Where sessions run. */
  readonly executionProviders: readonly ExecutionProvider[];
}

/**
 * Makes a runner. It has no sessions yet.
 *
 * @param ort - the runtime
 * @param source - see {@link MomentsSource}
 */
export function momentsRunner(ort: Ort, source: MomentsSource): MomentsRunner {
  const { proto, initializers, reduction, executionProviders } = source;
  const sessions = new Map<string, Promise<InferenceSession>>();
  const underWay = new Set<Promise<unknown>>();
  let isReleased = false;

  async function sessionOf(layers: readonly BatchNormNodes[]): Promise<InferenceSession> {
    const key = JSON.stringify(layers.map(({ mean }) => mean));
    const known = sessions.get(key);
    if (known !== undefined) return known;
    const wanted = new Set(layers.flatMap(({ nodes }) => nodes));
    const bytes = encodeModel(momentsGraph(proto, wanted, reduction));
    const session = ort.InferenceSession.create(bytes, {
      executionProviders,
      graphOptimizationLevel: OPTIMIZATION[reduction],
      logSeverityLevel: 3,
    });
    sessions.set(key, session);
    try {
      return await session;
    } catch (cause) {
      sessions.delete(key);
      throw new PolyakError(
        'ERR_UNSUPPORTED',
        `batchMoments: ONNX Runtime cannot run batch norm by ${reduction} on ` +
          `[${executionProviders.join(', ')}]: ${textOf(cause)}`,
        { cause },
      );
    }
  }

  async function pass(
    layers: readonly BatchNormNodes[],
    given: OnnxFeeds,
  ): Promise<readonly Moments[]> {
    const session = await sessionOf(layers);
    const feeds: Record<string, Tensor> = {};
    for (const name of session.inputNames) {
      const tensor = initializers.get(name)?.get() ?? given[name];
      feeds[name] = feedable(ort, usable(name, tensor, executionProviders));
    }
    let results: InferenceSession.OnnxValueMapType;
    try {
      // Other tensors may be set during the run.
      const weights = session.inputNames.flatMap((name) => initializers.get(name)?.get() ?? []);
      results = await whileHeld(weights, async () => session.run(feeds));
    } catch (cause) {
      throw modelError('batchMoments', `ONNX Runtime refuses the batch: ${textOf(cause)}`, cause);
    }
    const [rows, shapes] = session.outputNames.map((name) => results[name]?.data);
    return read(layers, rows as Float32Array, shapes as BigInt64Array, reduction);
  }

  return {
    async run(layers, feeds) {
      if (isReleased) {
        throw new PolyakError(
          'ERR_DISPOSED',
          'batchMoments: this batch-norm model was released. Make a new one.',
        );
      }
      const running = pass(layers, feeds);
      underWay.add(running);
      try {
        return await running;
      } finally {
        underWay.delete(running);
      }
    },
    async release() {
      isReleased = true;
      await Promise.allSettled(underWay);
      const made = await Promise.allSettled(sessions.values());
      sessions.clear();
      for (const session of made) if (session.status === 'fulfilled') await session.value.release();
    },
  };
}

/** Reads the moments of each layer from the two outputs of {@link momentsGraph}. */
function read(
  layers: readonly BatchNormNodes[],
  rows: Float32Array,
  shapes: BigInt64Array,
  reduction: MomentsReduction,
): readonly Moments[] {
  const rowsOfNode = reduction === 'training-mode' ? 2 : 3;
  let node = 0;
  let start = 0;
  return layers.map(({ nodes }) =>
    mergeMoments(
      nodes.map(() => {
        const [samples = 0, channels = 0, positions = 0] = Array.from(
          shapes.subarray(3 * node, 3 * node + 3),
          Number,
        );
        const end = start + rowsOfNode * channels;
        const moments = momentsOf(rows.subarray(start, end), channels, samples * positions);
        node += 1;
        start = end;
        return moments;
      }),
    ),
  );
}

/**
 * Throws for a tensor that is missing, was disposed of, or is on another device: ONNX Runtime would
 * abort the process.
 */
function usable(name: string, tensor: unknown, providers: readonly ExecutionProvider[]): Tensor {
  if (!isTensor(tensor)) {
    throw new TypeError(`batchMoments: the batch has no tensor for the model's input "${name}".`);
  }
  const { location } = tensor;
  if (location === 'none') {
    throw new PolyakError(
      'ERR_DISPOSED',
      `batchMoments: the tensor for "${name}" was disposed of. Dispose after the last use.`,
    );
  }
  if (location === 'cpu' || location === 'cpu-pinned' || providers[0] === 'webgpu') return tensor;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `batchMoments: the tensor for "${name}" has the location "${location}", which the provider ` +
      `${providers[0]} cannot read. Pass the option executionProviders: ['webgpu'].`,
  );
}
