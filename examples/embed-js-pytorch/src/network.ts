// A network of js-pytorch, as its users write one.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Embedded } from '@polyak/example-shared/embedded-run';
import type { Point } from '@polyak/example-shared/moons';
import { torch } from 'js-pytorch';
import { adamState, moduleParameters } from './js-pytorch-swa.js';

const [RATE, UNITS] = [0.02, 16];
const { nn } = torch;

class Network extends nn.Module {
  hidden = new nn.Linear(2, UNITS);
  relu = new nn.ReLU();
  output = new nn.Linear(UNITS, 2);

  forward(points: readonly Point[]): InstanceType<typeof torch.Tensor> {
    const inputs = torch.tensor(points.map(({ input }) => [...input]));
    return this.output.forward(this.relu.forward(this.hidden.forward(inputs)));
  }
}

/** A network, its optimizer, and where their numbers are. */
export function makeNetwork(): Embedded<HostTensor> {
  const network = new Network();
  const optimizer = new torch.optim.Adam(network.parameters(), RATE);
  const loss = new nn.CrossEntropyLoss();
  return {
    backend: cpuBackend(),
    weights: moduleParameters(network),
    optimizerState: adamState(network),
    step(batch) {
      const labels = torch.tensor(batch.map(({ label }) => label));
      loss.forward(network.forward(batch), labels).backward();
      optimizer.step();
      optimizer.zero_grad();
    },
    predict: (points) =>
      (network.forward(points).tolist() as [number, number][]).map(
        ([a, b]) => 1 / (1 + Math.exp(a - b)),
      ),
  };
}
