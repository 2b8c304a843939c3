// Words: on which syllable an English word is stressed, from its letters. The CMU Pronouncing
// Dictionary out of the npm package cmu-pronouncing-dictionary, and a GRU.
import { dictionary } from 'cmu-pronouncing-dictionary';

import type { Samples } from '../samples.js';
import { partsOf } from './parts.js';
import type { Task } from './task.js';

/** The longest word that is taken. */
const LETTERS = 10;
const ALPHABET = 26;
const UNITS = 64;

/** The stressed syllable of a word, 8,000 words to train on. */
export const stress: Task = {
  name: 'stress',
  classes: ['first', 'second', 'third', 'fourth or later'],
  epochs: 10,
  batchSize: 128,
  scoreEvery: 5,
  candidates: {
    sgd: [0.1, 0.3, 1],
    'sgd-constant': [0.1, 0.3, 1],
    adam: [0.003, 0.01],
    'adam-annealed': [0.003, 0.01],
  },
  rates: { sgd: 0.3, 'sgd-constant': 0.3, adam: 0.01, 'adam-annealed': 0.01 },
  async read() {
    return partsOf(encodeWords(dictionary), { train: 8_000, validation: 2_000, test: 5_000 });
  },
  createModel(tf, { seed, inputShape }) {
    const initializer = (part: number) => tf.initializers.glorotUniform({ seed: 10 * seed + part });
    return tf.sequential({
      layers: [
        tf.layers.gru({
          inputShape: [...inputShape],
          units: UNITS,
          kernelInitializer: initializer(0),
          recurrentInitializer: initializer(1),
        }),
        tf.layers.dense({ units: 4, kernelInitializer: initializer(2) }),
      ],
    });
  },
};

/**
 * All words of 3 to 10 letters a to z, two syllables and more and one primary stress, as one-hot
 * letters. Zeros stand before short words, so that the last letter is the last step.
 *
 * @param pronunciations - phonemes by word; the digit of a vowel is 1 for the primary stress
 */
export function encodeWords(pronunciations: Readonly<Record<string, string>>): Samples {
  const words = Object.entries(pronunciations).flatMap(([word, phonemes]) => {
    const stresses = phonemes.replaceAll(/\D/g, '');
    const isTaken = /^[a-z]{3,10}$/.test(word) && stresses.length > 1 && stresses.includes('1');
    return isTaken ? [{ word, label: Math.min(stresses.indexOf('1'), 3) }] : [];
  });
  const inputs = new Float32Array(words.length * LETTERS * ALPHABET);
  for (const [row, { word }] of words.entries()) {
    for (let index = 0; index < word.length; index += 1) {
      const step = LETTERS - word.length + index;
      inputs[(row * LETTERS + step) * ALPHABET + word.charCodeAt(index) - 97] = 1;
    }
  }
  const labels = Uint8Array.from(words, ({ label }) => label);
  return { shape: [LETTERS, ALPHABET], inputs, labels };
}
