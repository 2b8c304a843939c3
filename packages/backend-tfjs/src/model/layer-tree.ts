// The layers of a model, those in nested models and wrappers included.
import type { layers } from '@tensorflow/tfjs-layers';

/** A layer and the names on the way to it from the model, joined by slashes. */
export interface LayerAt {
  readonly layer: layers.Layer;
  readonly path: string;
}

/**
 * All layers of a model in its order, inner ones before the model or wrapper that holds them. A
 * layer that is used in several places comes several times.
 *
 * @param layer - a model
 */
export function layersOf(layer: layers.Layer, path = ''): readonly LayerAt[] {
  return children(layer).flatMap((child) => {
    const childPath = `${path}${child.name}`;
    return [...layersOf(child, `${childPath}/`), { layer: child, path: childPath }];
  });
}

/** The layers in a model (`layers`) or in a wrapper such as `TimeDistributed` (`layer`). */
function children(layer: layers.Layer): readonly layers.Layer[] {
  const { layers: inner = [], layer: wrapped } = layer as {
    readonly layers?: readonly layers.Layer[];
    readonly layer?: layers.Layer;
  };
  return wrapped === undefined ? inner : [...inner, wrapped];
}
