// Progress: a bar on a terminal, elsewhere a line every few seconds.
import { Presets, SingleBar } from 'cli-progress';

// Between two lines, in milliseconds.
const INTERVAL = 5000;

/** Shows how far a piece of work is. */
export interface Progress {
  update(done: number): void;
  end(): void;
}

/** Where progress goes: `process.stdout`, or what stands in for it. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Begins to show the progress of a piece of work. */
export function showProgress(stream: ProgressStream, what: string, total: number): Progress {
  if (stream.isTTY) {
    const format = `${what} {bar} {value}/{total} | {eta_formatted} left`;
    const bar = new SingleBar({ stream, format, barsize: 20, fps: 5 }, Presets.shades_classic);
    bar.start(total, 0);
    return { update: (done) => bar.update(done), end: () => bar.stop() };
  }
  stream.write(`${what}: ${total}\n`);
  let last = Date.now();
  return {
    update(done) {
      if (done < total && Date.now() - last < INTERVAL) return;
      last = Date.now();
      stream.write(`${what}: ${done} of ${total}\n`);
    },
    end: () => undefined,
  };
}
