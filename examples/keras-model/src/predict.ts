// A new process with nothing but tfjs and its wasm backend: what the model in a folder gives for
// the first test images.
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { loadModel } from '@polyak/example-shared/model-files';

import { readDigits } from './digits.js';

const [folder = '', count = ''] = process.argv.slice(2);
if (!(await tf.setBackend('wasm'))) throw new Error('The wasm backend does not work here.');
const model = await loadModel(tf, folder);
const { images } = await readDigits(tf, 't10k', Number(count));
const outputs = await (model.predict(images, { batchSize: 250 }) as tf.Tensor2D).data();
process.send?.([...outputs]);
