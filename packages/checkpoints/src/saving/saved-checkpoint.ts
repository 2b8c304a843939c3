// A saved checkpoint, as the name of its file says. There is no index that could say otherwise.

/** A checkpoint in a folder. */
export interface SavedCheckpoint {
  /** The name of its file: `step=40.safetensors` or `step=40,metric=0.25.safetensors`. */
  readonly name: string;
  /** The step of training after which it was saved. */
  readonly step: number;
  /** What it was worth; undefined if it was saved without a metric. */
  readonly metric: number | undefined;
}

const NAME = /^step=(\d+)(?:,metric=([^,]+))?\.safetensors$/;

/** The checkpoint of a step. Its metric has all digits, so that it is read as it was. */
export function savedCheckpoint(step: number, metric: number | undefined): SavedCheckpoint {
  const end = metric === undefined ? '' : `,metric=${String(metric)}`;
  return { name: `step=${step}${end}.safetensors`, step, metric };
}

/** The checkpoints among the files of a folder, in the order of their steps. */
export function savedAmong(names: readonly string[]): readonly SavedCheckpoint[] {
  const saved = names.flatMap((name) => savedAs(name) ?? []);
  saved.sort((a, b) => a.step - b.step || (a.name < b.name ? -1 : 1));
  return saved;
}

/**
 * One checkpoint for each step. A step that is saved again with another metric has two files where
 * the process was killed before it removed the old one. Their names do not say which is new: what
 * matters is that all calls take the same one.
 */
export function onePerStep(saved: readonly SavedCheckpoint[]): readonly SavedCheckpoint[] {
  return saved.filter(({ step }, index) => saved[index + 1]?.step !== step);
}

function savedAs(name: string): SavedCheckpoint | undefined {
  const [, step, metric] = NAME.exec(name) ?? [];
  if (step === undefined) return undefined;
  const saved = savedCheckpoint(Number(step), metric === undefined ? undefined : Number(metric));
  // A name that `save` does not give, such as that of step 040, is that of someone else's file.
  return saved.name === name && Number.isSafeInteger(saved.step) ? saved : undefined;
}
