// Probabilities from logits, in float64: a probability that float32 would round to 0 has a finite
// log-loss.

/**
 * The softmax of each row.
 *
 * @param logits - [rows, classes]
 * @returns probabilities, [rows, classes]
 */
export function softmax(logits: ArrayLike<number>, classes: number): Float64Array {
  const probabilities = Float64Array.from(logits);
  for (let start = 0; start < probabilities.length; start += classes) {
    const row = probabilities.subarray(start, start + classes);
    const greatest = Math.max(...row);
    let sum = 0;
    for (let index = 0; index < classes; index++) {
      row[index] = Math.exp((row[index] ?? 0) - greatest);
      sum += row[index] ?? 0;
    }
    for (let index = 0; index < classes; index++) row[index] = (row[index] ?? 0) / sum;
  }
  return probabilities;
}
