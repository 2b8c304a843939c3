// Classes as text: runs of a class are written as their length, where it is above 1, and a letter.

const letters = 'abcdefghij';

/** Packs classes below 10. */
export function packed(classes: Uint8Array): string {
  const text = Array.from(classes, (value) => letters[value]).join('');
  return text.replaceAll(/(.)\1+/gu, (run, letter: string) => `${run.length}${letter}`);
}

/** The classes that were packed. */
export function unpacked(text: string): Uint8Array {
  const runs = [...text.matchAll(/(\d*)([a-j])/gu)];
  return Uint8Array.from(
    runs.flatMap(([, length, letter = '']) => {
      return Array.from({ length: Number(length || 1) }, () => letters.indexOf(letter));
    }),
  );
}
