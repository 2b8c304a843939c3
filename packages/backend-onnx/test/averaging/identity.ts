// A model that gives back what it is fed, for sessions of the user's own.
import { model, modelBytes, node, value } from '../model-builder.js';

/** `to = from`, a float32 vector. */
export const identity = modelBytes(
  model({
    nodes: [node('Identity', ['from'], ['to'])],
    initializers: [],
    inputs: [value('from', ['n'])],
    outputs: [value('to', ['n'])],
  }),
);
