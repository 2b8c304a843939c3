// What runs in the browser: the bundle of this file.
import { swaOptimizer, tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
import { backendConformance } from '@polyak/core/conformance';
import type { ConformanceOutcome } from '@polyak/core/conformance';
import type { Parameter } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { liveParameter } from '../../../../tests/support/tfjs/live-parameter.js';
import { fit, read, train } from './training.js';

/** How a page is to compute. */
export interface Runtime {
  readonly backend: 'webgl' | 'webgpu';
  /**
   * Whether tfjs may compute on the host with tensors of up to some 1000 elements, as it does by
   * default.
   */
  readonly forwarding?: boolean;
  /** Whether webgl is to use textures of 16-bit floats, as on devices that render to no others. */
  readonly halfFloats?: boolean;
}

/** What a page really computes with. */
export interface Device {
  /** `tf.getBackend()`. */
  readonly backend: string;
  /** `tfjsBackend(tf).name`. */
  readonly name: string;
  /** How the device calls itself. */
  readonly adapter: string;
  readonly canCompensate: boolean;
}

async function start({ backend, forwarding = true, halfFloats = false }: Runtime): Promise<Device> {
  tf.env().set('WEBGL_CPU_FORWARD', forwarding);
  tf.env().set('WEBGPU_CPU_FORWARD', forwarding);
  tf.env().set('WEBGL_FORCE_F16_TEXTURES', halfFloats);
  const isSet = await tf.setBackend(backend);
  if (!isSet) throw new Error(`tf.setBackend('${backend}') failed`);
  const { name, canCompensate } = tfjsBackend(tf);
  return {
    backend: tf.getBackend(),
    name,
    adapter: adapter(),
    canCompensate,
  };
}

function adapter(): string {
  const backend = tf.backend();
  if (backend instanceof WebGPUBackend) {
    const { vendor, architecture } = backend.device.adapterInfo;
    return `${vendor} ${architecture}`;
  }
  const { gl } = (backend as unknown as { readonly gpgpu: { readonly gl: WebGL2RenderingContext } })
    .gpgpu;
  const { UNMASKED_RENDERER_WEBGL = gl.RENDERER } =
    gl.getExtension('WEBGL_debug_renderer_info') ?? {};
  return String(gl.getParameter(UNMASKED_RENDERER_WEBGL));
}

const conformanceTests = backendConformance(
  () => ({
    backend: tfjsBackend(tf),
    parameter: liveParameter,
    sameParameter: ({ name, get }) =>
      variableParameters({ [name]: get() as tf.Variable })[0] as Parameter<tf.Tensor>,
    liveTensors: () => tf.memory().numTensors,
  }),
  // In tests, software stands in for the GPU.
  { maxElements: 1_100_000 },
);

async function conform(name: string): Promise<ConformanceOutcome> {
  const test = conformanceTests.find((candidate) => candidate.name === name);
  if (test === undefined) throw new Error(`the suite has no test "${name}"`);
  return test.run();
}

/** What {@link update} starts from. */
export interface Operands {
  readonly average: readonly number[];
  readonly residual: readonly number[];
  readonly live: readonly number[];
  readonly weight: number;
}

/**
 * The average after one plain update, and after a compensated one with the residual it carries
 * then.
 */
async function update(
  operands: Operands,
): Promise<{ readonly plain: number[]; readonly average: number[]; readonly residual: number[] }> {
  const backend = tfjsBackend(tf);
  const variable = (values: readonly number[]): tf.Tensor[] => [
    ...backend.upload([
      { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) },
    ]),
  ];
  const { weight } = operands;
  const [plain, average] = [variable(operands.average), variable(operands.average)];
  const [residual, live] = [variable(operands.residual), variable(operands.live)];
  const [target] = live as [tf.Tensor];
  await backend.average([
    { average: plain[0] as tf.Tensor, live: target, weight },
    { average: average[0] as tf.Tensor, residual: residual[0] as tf.Tensor, live: target, weight },
  ]);
  const [first = [], second = [], third = []] = await Promise.all(
    [...plain, ...average, ...residual].map(read),
  );
  backend.dispose([...plain, ...average, ...residual, ...live]);
  return { plain: first, average: second, residual: third };
}

/** How many numbers tfjs reads from the device in an update, a check, and a swap there and back. */
async function numbersRead(
  lengths: readonly number[],
): Promise<{ readonly update: number; readonly check: number; readonly swap: number }> {
  const [backend, device] = [tfjsBackend(tf), tf.backend()];
  const data = lengths.map((length, seed) => tf.randomUniform([length], -1, 1, 'float32', seed));
  const live = data.map((tensor) => tf.variable(tensor));
  const averages = await backend.clone(data);
  const [later, atOnce] = [device.read.bind(device), device.readSync.bind(device)];
  let count = 0;
  device.read = async (id) => {
    const values = await later(id);
    count += values.length;
    return values;
  };
  device.readSync = (id) => {
    const values = atOnce(id);
    count += values.length;
    return values;
  };
  const counted = async (work: () => unknown): Promise<number> => {
    count = 0;
    await work();
    return count;
  };
  const items = averages.map((average, n) => ({
    average,
    live: live[n] as tf.Tensor,
    weight: 0.5,
  }));
  const parameters = variableParameters(
    Object.fromEntries(live.map((variable, n) => [`p${n}`, variable])),
  );
  const found = {
    update: await counted(async () => backend.average(items)),
    check: await counted(async () => backend.allFinite(live)),
    swap: await counted(async () => {
      const held = await backend.swap(parameters, averages);
      backend.dispose([...(await backend.swap(parameters, held)), ...held]);
    }),
  };
  Object.assign(device, { read: later, readSync: atOnce });
  tf.dispose([...data, ...live, ...averages]);
  return found;
}

/** The message of what a `swaOptimizer` throws here. */
function refusal(): string {
  try {
    swaOptimizer(tf, tf.train.sgd(1), { swaStart: 0, swaFreq: 1 });
  } catch (error) {
    return String(error);
  }
  return 'none';
}

const api = { start, conform, update, numbersRead, train, fit, refusal };

/** The functions that the page offers. */
export type PageApi = typeof api;

Object.assign(globalThis, { polyak: api });
