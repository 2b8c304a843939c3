// Learning rates.
import assert from 'node:assert/strict';
import { cosineAnnealingLr, reduceLrOnPlateau, sequentialLr, swaLr } from '@polyak/schedules';
import { cyclicLr, triangular2 } from '@polyak/schedules/cyclic';

const cosine = cosineAnnealingLr({ lr: 0.1, totalSteps: 8 });
const schedule = sequentialLr([cosine, swaLr({ lr: cosine(4), swaLr: 0.08, annealSteps: 2 })], [4]);
assert.equal(
  [0, 1, 2, 3, 4, 5, 6, 7].map((step) => schedule(step).toFixed(3)).join(' '),
  '0.100 0.096 0.085 0.069 0.050 0.065 0.080 0.080',
);

const cyclic = cyclicLr({ baseLr: 0, maxLr: 1, stepSizeUp: 2, scale: triangular2 });
assert.deepEqual([0, 1, 2, 3, 4, 6].map(cyclic), [0, 0.5, 1, 0.5, 0, 0.5]);

const plateau = reduceLrOnPlateau({ lr: 1, factor: 0.5, patience: 1 });
const last = [3, 3, 3].reduce((state, metric) => plateau.next(state, metric), plateau.initial);
assert.equal(last.lr, 0.5);
