// The tensors of the network, and what each starts from.

/** A tensor that the network owns. */
export interface TensorPlan {
  readonly name: string;
  readonly shape: readonly number[];
  /** One value everywhere, or He's normal distribution for so many inputs of a unit. */
  readonly initial: { readonly fill: number } | { readonly heNormalFanIn: number };
}

const zeros = { fill: 0 };
const ones = { fill: 1 };

/** What gradients move. */
export const digitParameters: readonly TensorPlan[] = [
  { name: 'conv1.weight', shape: [8, 1, 3, 3], initial: { heNormalFanIn: 9 } },
  { name: 'bn1.weight', shape: [8], initial: ones },
  { name: 'bn1.bias', shape: [8], initial: zeros },
  { name: 'conv2.weight', shape: [16, 8, 3, 3], initial: { heNormalFanIn: 72 } },
  { name: 'bn2.weight', shape: [16], initial: ones },
  { name: 'bn2.bias', shape: [16], initial: zeros },
  { name: 'dense1.weight', shape: [400, 32], initial: { heNormalFanIn: 400 } },
  { name: 'dense1.bias', shape: [32], initial: zeros },
  { name: 'dense2.weight', shape: [32, 10], initial: { heNormalFanIn: 32 } },
  { name: 'dense2.bias', shape: [10], initial: zeros },
];

/** The running statistics of batch norm. */
export const digitStatistics: readonly TensorPlan[] = [
  { name: 'bn1.running_mean', shape: [8], initial: zeros },
  { name: 'bn1.running_var', shape: [8], initial: ones },
  { name: 'bn2.running_mean', shape: [16], initial: zeros },
  { name: 'bn2.running_var', shape: [16], initial: ones },
];
