// Runs of sessions, watched.
import * as ort from 'onnxruntime-node';
import { vi } from 'vitest';

/** Notes the outputs of all runs of sessions that are made from now on, and lets runs fail. */
export function spyOnRuns(): {
  readonly outputs: ort.Tensor[];
  readonly failAfter: (runs: number) => void;
} {
  const create = ort.InferenceSession.create.bind(ort.InferenceSession);
  const outputs: ort.Tensor[] = [];
  let runsLeft = Infinity;
  vi.spyOn(ort.InferenceSession, 'create').mockImplementation(async (model, options) => {
    const session = await create(model, options);
    const run = session.run.bind(session);
    session.run = async (feeds: ort.InferenceSession.FeedsType, ...rest: never[]) => {
      if ((runsLeft -= 1) < 0) throw new Error('out of memory');
      const made = await run(feeds, ...rest);
      outputs.push(...Object.values<ort.Tensor>(made));
      return made;
    };
    return session;
  });
  return { outputs, failAfter: (runs) => (runsLeft = runs) };
}
