// Labels made wrong on purpose.

/**
 * The labels, with a share of them drawn anew from all classes. A drawn label can be the right one.
 *
 * @param random - uniform 32-bit integers
 */
export function withRandomLabels(
  labels: Uint8Array,
  input: { readonly share: number; readonly classes: number; readonly random: () => number },
): Uint8Array {
  const { share, classes, random } = input;
  return labels.map((label) => {
    const isDrawn = random() / 2 ** 32 < share;
    const drawn = Math.floor((random() / 2 ** 32) * classes);
    return isDrawn ? drawn : label;
  });
}
