// Progress in the terminal: a bar a run, or, where nobody watches, a line an epoch.
import { Presets, SingleBar } from 'cli-progress';

import type { Measurement, Observer, TrainingRun } from '../run.js';
import { formatAccuracy } from './verdict.js';

/** Where progress goes: `process.stdout`, or what stands in for it. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** An observer that shows the training on `stream`, as fits it. */
export function showProgress(stream: ProgressStream): Observer {
  return stream.isTTY ? showBars(stream) : showLines(stream);
}

function showBars(stream: ProgressStream): Observer {
  const format =
    '{name} {bar} epoch {epoch}/{epochs}, step {value}/{total} | loss {loss}{test} | ' +
    '{eta_formatted} left';
  const bar = new SingleBar(
    { stream, format, barsize: 20, etaBuffer: 50, fps: 5 },
    Presets.shades_classic,
  );
  let stepsPerEpoch = 1;
  let waitingNotes: string[] = [];
  return {
    note(text) {
      if (bar.isActive) {
        waitingNotes.push(text); // a line would break the bar
      } else {
        stream.write(`${text}\n`);
      }
    },
    startRun(run) {
      stepsPerEpoch = run.stepsPerEpoch;
      const { name, epochs } = run;
      bar.start(epochs * stepsPerEpoch, 0, { name, epochs, epoch: 1, loss: '-', test: '' });
    },
    step({ step, loss }) {
      bar.update(step, { loss: loss.toFixed(3), epoch: Math.ceil(step / stepsPerEpoch) });
    },
    measure(measurement) {
      bar.update({ test: ` | ${describeScores(measurement)}` });
    },
    endRun() {
      bar.stop();
      waitingNotes.forEach((text) => stream.write(`${text}\n`));
      waitingNotes = [];
    },
  };
}

function showLines(stream: ProgressStream): Observer {
  let name: TrainingRun['name'] = 'SGD';
  let epochs = 0;
  return {
    note(text) {
      stream.write(`${text}\n`);
    },
    startRun(run) {
      ({ name, epochs } = run);
    },
    step() {},
    measure(measurement) {
      const { epoch, learningRate, trainLoss } = measurement;
      if (Number.isInteger(epoch)) {
        stream.write(
          `${name} epoch ${epoch}/${epochs}: learning rate ${learningRate.toPrecision(3)}, ` +
            `training loss ${trainLoss.toFixed(4)}, ${describeScores(measurement)}\n`,
        );
      }
    },
    endRun(run) {
      stream.write(`${run.name} took ${run.seconds.toFixed(0)} s.\n`);
    },
  };
}

function describeScores({ live, averaged }: Measurement): string {
  const text = `test accuracy ${formatAccuracy(live.accuracy)} %`;
  return averaged ? `${text}, averaged ${formatAccuracy(averaged.score.accuracy)} %` : text;
}
