// Switches batch norm and dropout of a model from training to inference.
import { PolyakError } from '@polyak/core';
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js';
import { isBatchNorm, isInTraining } from '../batch-norm/batch-norm-nodes.js';
import { labelOf, namesReadBy, subgraphsOf } from '../batch-norm/graph-walk.js';
import type { ModelWithGraph } from '../file/proto.js';

/**
 * Switches batch norm and dropout to inference, in branches and functions too.
 *
 * @param model - changed in place
 * @param label - what messages call the model
 * @throws `PolyakError` `ERR_UNSUPPORTED` where something reads the statistics that batch norm in
 * training mode gives out
 */
export function toInference({ graph, functions }: ModelWithGraph, label: string): void {
  const scopes = [graph, ...functions];
  const nodes = scopes.flatMap(({ node }) => node).flatMap(withInner);
  const read = new Set([
    ...graph.output.map(({ name }) => name),
    ...functions.flatMap(({ output }) => output),
    ...nodes.flatMap(namesReadBy),
  ]);
  for (const node of nodes) {
    if (isBatchNorm(node) && isInTraining(node)) {
      refuseReaders(node, read, label);
      node.output = node.output.slice(0, 1);
      node.attribute = node.attribute.filter(({ name }) => name !== 'training_mode');
    }
    // Without its third input, dropout does not train.
    if (node.opType === 'Dropout' && node.domain === '') node.input = node.input.slice(0, 2);
  }
}

function withInner(node: NodeProto): readonly NodeProto[] {
  const inner = (graph: GraphProto): readonly NodeProto[] => graph.node.flatMap(withInner);
  return [node, ...subgraphsOf(node).flatMap(inner)];
}

function refuseReaders(node: NodeProto, read: ReadonlySet<string>, label: string): void {
  const used = node.output.slice(1).find((name) => name !== '' && read.has(name));
  if (used === undefined) return;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${label}: "${labelOf(node)}" gives out its statistics "${used}", which the model uses; only ` +
      'batch norm in training mode has them. Export the model in inference mode.',
  );
}
