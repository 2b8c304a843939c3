// Updates of averages by live weights in half precision, against the same by float32.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { FloatArray, LiveArray } from '@polyak/backend-cpu/host';
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import { observedOptimizer, SWA } from '@polyak/core';
import type { HalfDType } from '@polyak/core/kit';
import { halfFromFloat } from '@polyak/core/kit';
import * as ort from 'onnxruntime-node';
import type { Row, Subject } from '../row.js';

const ELEMENTS = 10_000_000;
const AGAINST = 'float32 live weights';
// Issue 11. The gate leaves what a busy machine needs.
const LIMITS = { target: 1.3, gate: 1.8 };

/** The rows of half precision. */
export function halfRows(): readonly Row[] {
  const size = { tensors: 1, elements: ELEMENTS, against: AGAINST, ...LIMITS };
  return [
    {
      work: 'update',
      name: 'onnx cpu, SWA.updateSwa, float16',
      ...size,
      prepare: onnxSubject,
    },
    ...(['float16', 'bfloat16'] as const).map((dtype) => ({
      work: 'update',
      name: `host kernels, ${dtype}`,
      ...size,
      prepare: () => kernelsSubject(dtype),
    })),
  ];
}

async function onnxSubject(): Promise<Subject> {
  const backend = await onnxBackend(ort);
  const swaOf = async (tensor: ort.Tensor): Promise<SWA<ort.Tensor>> => {
    const params = [onnxParameter('weights', tensor)];
    const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), {
      backend,
      onWarning: () => {}, // that the weights do not change
    });
    await swa.updateSwa();
    return swa;
  };
  const live = normal();
  const half = await swaOf(new ort.Tensor('float16', halfFromFloat('float16', live), [ELEMENTS]));
  const float = await swaOf(new ort.Tensor('float32', live, [ELEMENTS]));
  return {
    variant: () => half.updateSwa(),
    reference: () => float.updateSwa(),
    release: async () => backend.release(),
  };
}

function kernelsSubject(dtype: HalfDType): Subject {
  const live = normal();
  return {
    variant: updating({ dtype, bits: halfFromFloat(dtype, live) }),
    reference: updating(live),
  };
}

/** Each update goes on from the result of the one before. */
function updating(live: LiveArray): () => void {
  const kernels = hostKernels();
  let average: FloatArray = new Float32Array(ELEMENTS).fill(0.01);
  return () => {
    const result = kernels.average([{ average, live, weight: 1 / 3 }]);
    if (result.kind === 'refused') throw new Error('The bench averages finite numbers.');
    kernels.recycle([average]);
    average = result.items[0]?.average ?? average;
  };
}

/** Weights like those of networks: of deviation 0.02, a few of them subnormal as float16. */
function normal(): Float32Array<ArrayBuffer> {
  const noise = Float32Array.from({ length: 4096 }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
    return 0.02 * radius * Math.cos(2 * Math.PI * Math.random());
  });
  return Float32Array.from({ length: ELEMENTS }, (_, n) => noise[n % 4096] as number);
}
