// A leg: a stretch of training with one way of its learning rate. Plain data, so that a checkpoint
// can say which leg it is of.

/** A stretch of training, from new weights or from an epoch of another leg. */
export interface Leg {
  /** Names its files and lines: `trunk`, `sgd-100`. */
  readonly name: string;
  /** Where it goes on from; without, it begins with new weights. */
  readonly after?: { readonly leg: Leg; readonly epoch: number };
  /** Its last epoch, counted from the beginning of the training. */
  readonly lastEpoch: number;
  readonly rates: Rates;
  readonly observers: readonly Observer[];
  /** Epochs whose checkpoints are kept, for other legs to go on from. */
  readonly branches: readonly number[];
}

/** The way of the learning rate. */
export type Rates =
  | { readonly kind: 'constant' }
  /** Flat to half of the budget, linear to its final value at 90 %, flat again. */
  | { readonly kind: 'paper'; readonly finalRate: number }
  /** Half a cosine down to 0 in each cycle, from the leg's beginning on. */
  | { readonly kind: 'cosines'; readonly cycleEpochs: number }
  /** A line down and one up in each cycle, from the leg's beginning on. */
  | {
      readonly kind: 'triangles';
      readonly highest: number;
      readonly lowest: number;
      readonly cycleEpochs: number;
    };

/** Averages that are updated while a leg trains, and do not change it. */
export interface Observer {
  /**
   * An observer of the same name in the leg before hands its averages on: they are then what they
   * would be if one leg had been trained from the beginning.
   */
  readonly name: string;
  /** Several averages that are updated together, by name. */
  readonly averages: Readonly<Record<string, Rule>>;
  /** The epochs after which it begins: not always a whole number. */
  readonly from: number;
  /** The steps from one update to the next. */
  readonly every: number;
  /** The epochs after which the averages are written to files. It ends with the last of them. */
  readonly keptAfter: readonly number[];
  /** Whether its averages are scored while the leg trains, not only afterwards. */
  readonly isScored: boolean;
}

/** How an average moves. */
export type Rule =
  | { readonly kind: 'equal' }
  | { readonly kind: 'exponential'; readonly decay: number }
  | { readonly kind: 'rational-warm-up'; readonly decay: number };
