// The inputs whose predictions are drawn.

/** Cells along each side of a picture of the spirals. */
export const pictureSize = 60;
/** The test digits whose predictions are shown. */
export const shownDigits = 40;
