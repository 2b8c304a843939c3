// Progress with rate and time left: a bar on a terminal, plain lines elsewhere.
import { Presets, SingleBar } from 'cli-progress';
import type { Context, PrintOptions } from './context.js';
import { bytesText, durationText } from './text.js';

/** How far a piece of work is. */
interface Progress {
  /** The bytes that are done, of `total`. */
  readonly done: number;
  readonly total: number;
}

/** Shows progress until it is ended. */
export interface ProgressDisplay {
  /** Shows how far the work is. */
  readonly update: (progress: Progress) => void;
  /** Ends the display; work that is done is at 100 %. */
  readonly end: (outcome: 'done' | 'ended early') => void;
}

// The rate is that of the last seconds: caches and other programs make it change.
const WINDOW_SECONDS = 10;
const BAR = '{bar} {percentage} % | {text}';

/**
 * Shows the progress of a command on stderr.
 *
 * @param label - what is done, such as `average`
 * @param now - the time in milliseconds, for tests
 */
export function showProgress(
  context: Context,
  { quiet }: PrintOptions,
  label: string,
  now: () => number = Date.now,
): ProgressDisplay {
  if (quiet) return { update: () => undefined, end: () => undefined };
  const measure = meter(now);
  const display = context.stderr.isTTY ? bar(context, measure) : lines(context, label, measure);
  let last: Progress | undefined;
  return {
    update(progress) {
      last = progress;
      display.update(progress);
    },
    end(outcome) {
      if (outcome === 'done' && last !== undefined && last.done < last.total) {
        display.update({ done: last.total, total: last.total });
      }
      display.end(outcome);
    },
  };
}

/** A function of progress that describes it: amount, rate, time left. */
function meter(now: () => number): (progress: Progress) => string {
  const samples: { readonly time: number; readonly bytes: number }[] = [];
  return ({ done, total }) => {
    const time = now() / 1000;
    const last = samples.at(-1);
    // Ten samples a second at most, so that the list stays short.
    if (last === undefined || time - last.time >= 0.1) samples.push({ time, bytes: done });
    while (samples.length > 2 && time - (samples[0]?.time ?? 0) > WINDOW_SECONDS) samples.shift();
    const [first] = samples;
    const amount = `${bytesText(done)} of ${bytesText(total)}`;
    const seconds = time - (first?.time ?? time);
    const rate = (done - (first?.bytes ?? 0)) / seconds;
    if (!(seconds > 0 && rate > 0)) return amount;
    const left = done < total ? `, ${durationText((total - done) / rate)} left` : '';
    return `${amount}, ${bytesText(rate)}/s${left}`;
  };
}

function bar({ stderr }: Context, measure: (progress: Progress) => string): ProgressDisplay {
  const display = new SingleBar(
    { stream: stderr, format: BAR, barsize: 20, fps: 5, hideCursor: false, gracefulExit: false },
    Presets.shades_classic,
  );
  let isStarted = false;
  return {
    update(progress) {
      const text = measure(progress);
      if (!isStarted) display.start(progress.total, progress.done, { text });
      else {
        display.setTotal(progress.total);
        display.update(progress.done, { text });
      }
      isStarted = true;
    },
    end() {
      if (isStarted) display.stop();
    },
  };
}

/** A line at the start, each tenth, and the end. */
function lines(
  { stderr }: Context,
  label: string,
  measure: (progress: Progress) => string,
): ProgressDisplay {
  let tenths = -1;
  return {
    update(progress) {
      const text = measure(progress);
      const { done, total } = progress;
      const reached = total === 0 ? 10 : Math.floor((10 * done) / total);
      if (reached <= tenths) return;
      tenths = reached;
      stderr.write(`polyak: ${label} ${10 * reached} %, ${text}\n`);
    },
    end: () => undefined,
  };
}
