// TensorFlow.js: the argument is its backend.
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { averagingError } from './tfjs-training.js';

const [, , backend = 'cpu'] = process.argv;
assert.ok(await tf.setBackend(backend), `tf.setBackend('${backend}') failed`);
assert.equal(tf.getBackend(), backend);
const error = await averagingError(tf);
assert.ok(error < 1e-6, `the averages are ${error} from the means`);
