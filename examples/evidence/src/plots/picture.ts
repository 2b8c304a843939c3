// A picture that a page shows, before it is drawn.
import type { Card } from './frame.js';

/** What is drawn, and the words for who cannot see it. */
export interface Picture {
  /** The file is `docs/images/evidence-NAME.png`. */
  readonly name: string;
  readonly alt: string;
  readonly card: Card;
}
