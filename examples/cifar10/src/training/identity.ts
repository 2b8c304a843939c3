// What decides a leg: its checkpoint says so, and one of another run is refused.
import type { Leg } from '../plan/leg.js';
import type { Surroundings } from './surroundings.js';

/** Everything that decides the outcome of a leg, as JSON. */
export function identityOf(leg: Leg, { tf, settings, problem }: Surroundings): string {
  const images = { train: problem.train.count, test: problem.test.count };
  return JSON.stringify({ backend: tf.getBackend(), ...settings, images, leg });
}
