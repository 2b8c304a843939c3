// How well predicted masks fit the true ones.

/** What predictions are worth. */
export interface Score {
  /** Foreground pixels of both, over foreground pixels of either; of all pictures together. */
  readonly iou: number;
  /** The mean cross-entropy of a pixel, in nats. */
  readonly logLoss: number;
}

// What log takes at least: float32 gives 0 where the network is sure.
const LEAST = 1e-7;

/**
 * Scores predictions. A pixel is foreground where its probability is above one half.
 *
 * @param probabilities - of foreground, for each pixel
 * @param masks - 1 on foreground, 0 elsewhere
 */
export function scoreMasks(probabilities: ArrayLike<number>, masks: ArrayLike<number>): Score {
  let [both, either, loss] = [0, 0, 0];
  for (let index = 0; index < masks.length; index += 1) {
    const probability = probabilities[index] ?? NaN;
    const [isFound, isTrue] = [probability > 0.5, masks[index] === 1];
    both += Number(isFound && isTrue);
    either += Number(isFound || isTrue);
    loss -= Math.log(Math.max(LEAST, isTrue ? probability : 1 - probability));
  }
  return { iou: both / either, logLoss: loss / masks.length };
}
