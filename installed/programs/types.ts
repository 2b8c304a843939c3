// The public types as users meet them. What compiles here, and what must not, is the test: `tsc`
// checks it against the sources, and against the packages with each TypeScript.
import type { SwaOptimizer, TfjsBackend } from '@polyak/backend-tfjs';
import { modelParameters, swaCallback, tfjsBackend, tfjsOptimizer } from '@polyak/backend-tfjs';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { CpuBackend } from '@polyak/backend-cpu';
import { onnxBackend } from '@polyak/backend-onnx';
import type { OnnxBackend, OnnxModel } from '@polyak/backend-onnx';
import { AveragedModel, observedOptimizer, PolyakError, SWA } from '@polyak/core';
import type { Mode, PolyakErrorCode, SWAParamGroup, SWAState } from '@polyak/core';
import type { Backend, HostTensor, Optimizer, Parameter } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { cosineAnnealingLr, reduceLrOnPlateau } from '@polyak/schedules';
import type { Schedule } from '@polyak/schedules';
import type * as tf from '@tensorflow/tfjs';
import { expectTypeOf } from 'expect-type';
import type * as ort from 'onnxruntime-node';

/** Never called: its types are the test. */
export async function types(
  tensorflow: typeof tf,
  runtime: typeof ort,
  model: tf.LayersModel,
  onnx: OnnxModel,
): Promise<void> {
  const data = new Float32Array(2);
  const weight = parameter('weight', { dtype: 'float32', shape: [2], data });
  expectTypeOf(weight).toExtend<Parameter<HostTensor>>();
  // @ts-expect-error no such dtype
  parameter('weight', { dtype: 'float', shape: [2], data });

  // SWA takes the tensor of its backend.
  const backend = cpuBackend();
  expectTypeOf(backend).toEqualTypeOf<CpuBackend>();
  expectTypeOf(backend).toExtend<Backend<HostTensor>>();
  const optimizer = observedOptimizer([{ params: [weight], lr: 0.1 }]);
  expectTypeOf(optimizer).toExtend<Optimizer<HostTensor>>();
  const swa = new SWA(optimizer, { backend, swaStart: 5, swaFreq: 1, swaLr: 0.05 });
  expectTypeOf(swa).toEqualTypeOf<SWA<HostTensor>>();
  expectTypeOf(swa.mode).toEqualTypeOf<Mode>();
  expectTypeOf(swa.paramGroups).toEqualTypeOf<readonly SWAParamGroup<HostTensor>[]>();
  expectTypeOf(swa.stateDict()).resolves.toEqualTypeOf<SWAState>();
  expectTypeOf(swa.step(() => 'loss')).resolves.toEqualTypeOf<string | undefined>();
  expectTypeOf(swa.withAveraged(() => 1)).resolves.toBeNumber();
  // @ts-expect-error a backend is required
  void new SWA(optimizer, { swaStart: 5, swaFreq: 1 });
  // @ts-expect-error no such option
  void new SWA(optimizer, { backend, swaStrat: 5 });
  // @ts-expect-error one rule, or several averages by name
  void new SWA(optimizer, { backend, rule: equal(), averages: { slow: exponential(0.99) } });
  for (const group of swa.paramGroups) {
    group.lr = 0.1;
    // @ts-expect-error counts are read only
    group.nAvg = 0;
  }

  // Rules and schedules are values.
  expectTypeOf(exponential(0.99)).toExtend<AveragingRule>();
  expectTypeOf(lastK(5)).toExtend<AveragingRule>();
  expectTypeOf(cosineAnnealingLr({ lr: 0.1, totalSteps: 8 })).toEqualTypeOf<Schedule>();
  expectTypeOf<ReturnType<Schedule>>().toBeNumber();
  // @ts-expect-error the field's own values, as strings
  reduceLrOnPlateau({ lr: 0.1, mode: 'maximum' });

  // Other tensors, other backends.
  expectTypeOf(tfjsBackend(tensorflow)).toEqualTypeOf<TfjsBackend>();
  const weights = modelParameters(model);
  const average = new AveragedModel(weights, { backend: tfjsBackend(tensorflow) });
  expectTypeOf(average).toEqualTypeOf<AveragedModel<tf.Tensor>>();
  // @ts-expect-error tensors of TensorFlow.js on the CPU backend
  void new AveragedModel(weights, { backend });
  expectTypeOf(onnxBackend(runtime)).resolves.toEqualTypeOf<OnnxBackend>();
  const averaged = new AveragedModel(onnx.parameters, { backend: await onnxBackend(runtime) });
  expectTypeOf(averaged).toEqualTypeOf<AveragedModel<ort.Tensor>>();
  // @ts-expect-error tensors of ONNX Runtime on TensorFlow.js
  void new AveragedModel(onnx.parameters, { backend: tfjsBackend(tensorflow) });
  const callback = swaCallback(tensorflow, model, { swaStart: 1, swaFreq: 1 });
  expectTypeOf(callback.swa).toEqualTypeOf<SWA<tf.Tensor>>();
  expectTypeOf(callback).toExtend<tf.CustomCallback>();
  expectTypeOf<SwaOptimizer>().toExtend<tf.Optimizer>();
  const base = tfjsOptimizer(tensorflow, model.optimizer, weights);
  expectTypeOf(base).toEqualTypeOf<Optimizer<tf.Tensor>>();
  // @ts-expect-error tensors of the CPU backend
  tfjsOptimizer(tensorflow, model.optimizer, [weight]);

  // Errors have codes.
  const error: unknown = new PolyakError('ERR_BUSY', 'await the call before');
  // @ts-expect-error unknown until it is narrowed
  console.log(error.code);
  if (PolyakError.is(error)) {
    expectTypeOf(error).toEqualTypeOf<PolyakError>();
    expectTypeOf(error.code).toEqualTypeOf<PolyakErrorCode>();
    // @ts-expect-error no such code
    if (error.code === 'ERR_NONE') return;
  }
}
