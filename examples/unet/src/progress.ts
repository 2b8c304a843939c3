// Progress in the terminal: a bar a seed, or, where nobody watches, a line a cycle.
import { Presets, SingleBar } from 'cli-progress';
import type { CycleLine, SeedObserver } from './run-seed.js';
import { totalSteps } from './settings.js';
import type { Settings } from './settings.js';

/** Shows how far the training of a seed is. */
export interface Progress extends SeedObserver {
  end(): void;
}

/** Where progress goes: `process.stdout`, or what stands in for it. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Begins to show the training of a seed. */
export function showProgress(stream: ProgressStream, settings: Settings): Progress {
  const { seed, cycles } = settings;
  if (!stream.isTTY) {
    return {
      onStep() {},
      onCycle: (line) =>
        void stream.write(
          `seed ${seed}, cycle ${line.cycle}/${cycles}: training loss ` +
            `${line.trainLoss.toFixed(4)}, ${describe(line)}\n`,
        ),
      end() {},
    };
  }
  const format =
    `seed ${seed} {bar} cycle {cycle}/${cycles}, step {value}/{total} | loss {loss}{scores} | ` +
    '{eta_formatted} left';
  const bar = new SingleBar({ stream, format, barsize: 20, fps: 5 }, Presets.shades_classic);
  bar.start(totalSteps(settings), 0, { cycle: 1, loss: '-', scores: '' });
  return {
    onStep: (step, loss) => bar.update(step, { loss: loss.toFixed(3) }),
    onCycle: (line) =>
      bar.update({ cycle: Math.min(line.cycle + 1, cycles), scores: ` | ${describe(line)}` }),
    end: () => bar.stop(),
  };
}

function describe({ snapshot, average }: CycleLine): string {
  const text = `IoU ${snapshot.iou.toFixed(4)}`;
  return average ? `${text}, averaged ${average.iou.toFixed(4)}` : text;
}
