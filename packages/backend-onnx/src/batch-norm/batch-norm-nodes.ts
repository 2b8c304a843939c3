// Finds the batch-norm nodes of a graph, grouped by the running statistics that they use.
import { PolyakError } from '@polyak/core';
import type { GraphProto, ModelProto, NodeProto } from '../proto/onnx_pb.js';
import { CAST_ALIAS, labelOf, namesReadBy, opsetOf, rootsOf, subgraphsOf } from './graph-walk.js';

/** Since this opset BatchNormalization has today's attributes, apart from those of training. */
const FIRST_OPSET = 9;

/** One batch-norm layer, a module in PyTorch. It can be in a graph several times. */
export interface BatchNormNodes {
  /** The name of its running mean without the suffix, such as `features.1`, or of its node. */
  readonly name: string;
  /** The initializer that holds the running mean. */
  readonly mean: string;
  /** The initializer that holds the running variance. */
  readonly variance: string;
  /** The nodes that use them, at least one. */
  readonly nodes: readonly NodeProto[];
}

/**
 * Whether a node is ONNX's own batch norm.
 *
 * @param node - a node
 */
export function isBatchNorm(node: NodeProto): boolean {
  return node.opType === 'BatchNormalization' && (node.domain === '' || node.domain === 'ai.onnx');
}

/**
 * Whether batch norm normalises by the batch instead of its running statistics.
 *
 * @param node - a BatchNormalization node
 */
export function isInTraining({ attribute, output }: NodeProto): boolean {
  // Before opset 14 more outputs than one mean training.
  return (
    output.slice(1).some((name) => name !== '') ||
    attribute.some(({ name, i }) => name === 'training_mode' && i !== 0n)
  );
}

/**
 * Finds the batch-norm layers of a model.
 *
 * @param model - a model; its weights may be inputs of the graph
 * @param weights - the names of its weights; they must include the running statistics
 * @returns each layer once, in the order of the graph
 * @throws PolyakError `ERR_BATCH_NORM` for a model without batch norm, for batch norm in training
 *   mode, and for running statistics that are not weights, or that something else uses too
 * @throws PolyakError `ERR_UNSUPPORTED` for an opset before 9, and for batch norm inside other
 *   nodes or functions
 */
export function findBatchNorms(
  model: ModelProto,
  weights: ReadonlySet<string>,
): readonly BatchNormNodes[] {
  const { graph } = model;
  const nodes = (graph?.node ?? []).filter(isBatchNorm);
  refuseHidden(model);
  if (graph === undefined || nodes.length === 0) throw noBatchNorm(graph);
  const opset = opsetOf(model);
  if (opset < FIRST_OPSET) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `batchNormModel: the model uses opset ${opset}, expected ${FIRST_OPSET} or later. ` +
        "Convert it with Python's onnx.version_converter, or export it with a later opset.",
    );
  }

  refuseTraining(nodes);

  const root = rootsOf(graph, CAST_ALIAS);
  const layers = new Map<string, { variance: string; nodes: NodeProto[] }>();
  for (const node of nodes) {
    const [mean, variance] = [3, 4].map((index) => root(node.input[index] ?? '')) as [
      string,
      string,
    ];
    for (const [what, name] of [
      ['mean', mean],
      ['variance', variance],
    ] as const) {
      if (weights.has(name)) continue;
      throw new PolyakError(
        'ERR_BATCH_NORM',
        `batchNormModel: the running ${what} of "${labelOf(node)}" is "${name}", expected a ` +
          'float initializer of the model. Export the model with its running statistics as ' +
          'initializers.',
      );
    }
    const known = layers.get(mean);
    if (known === undefined) layers.set(mean, { variance, nodes: [node] });
    else known.nodes.push(node);
  }
  refuseMerged(graph, root, weights);
  return named(layers);
}

/**
 * Throws where running statistics have a second use. Exporters merge initializers of equal numbers,
 * and fresh statistics are equal.
 */
function refuseMerged(
  graph: GraphProto,
  root: (name: string) => string,
  weights: ReadonlySet<string>,
): void {
  const roles = new Map<string, { role: string; user: string }>();
  const statistics = new Set<string>();
  const uses: { readonly name: string; readonly role: string; readonly user: string }[] = [];
  for (const node of graph.node) {
    if (CAST_ALIAS.has(node.opType) && node.domain === '') continue;
    const user = labelOf(node);
    if (!isBatchNorm(node)) {
      for (const name of namesReadBy(node))
        uses.push({ name: root(name), role: 'something else', user });
      continue;
    }
    const [, scale = '', bias = '', mean = '', variance = ''] = node.input.map(root);
    statistics.add(mean).add(variance);
    // A layer that is used twice has the same scale and bias in both places; two fresh layers do
    // not. For layers without a scale and bias, exporters write constants for each node.
    const layer = JSON.stringify([scale, bias, mean, variance].filter((name) => weights.has(name)));
    uses.push({ name: scale, role: 'scale', user }, { name: bias, role: 'bias', user });
    uses.push({ name: mean, role: `running mean of ${layer}`, user });
    uses.push({ name: variance, role: `running variance of ${layer}`, user });
  }
  for (const { name, role, user } of uses) {
    if (!statistics.has(name)) continue;
    const first = roles.get(name);
    if (first === undefined) roles.set(name, { role, user });
    else if (first.role !== role) {
      throw new PolyakError(
        'ERR_BATCH_NORM',
        `batchNormModel: "${name}" holds running statistics of batch norm and is used in two ` +
          `ways, by "${first.user}" and "${user}": new statistics for one change the other. ` +
          'Exporters merge initializers of equal numbers, and fresh statistics are equal. From ' +
          'PyTorch, export with dynamo=True and optimize=False, or with ' +
          'keep_initializers_as_inputs=True.',
      );
    }
  }
}

function refuseTraining(nodes: readonly NodeProto[]): void {
  const node = nodes.find(isInTraining);
  if (node === undefined) return;
  throw new PolyakError(
    'ERR_BATCH_NORM',
    `batchNormModel: "${labelOf(node)}" is in training mode: every run normalises by its own ` +
      'batch, and nothing would read the running statistics that an update writes. Load the ' +
      "model with the option { mode: 'inference' }, or export it from PyTorch after model.eval() " +
      'with training=torch.onnx.TrainingMode.PRESERVE.',
  );
}

function refuseHidden(model: ModelProto): void {
  for (const node of model.graph?.node ?? []) {
    const inner = subgraphsOf(node).flatMap(allNodes).find(isBatchNorm);
    if (inner === undefined) continue;
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `batchNormModel: "${labelOf(inner)}" is inside the ${node.opType} node ` +
        `"${labelOf(node)}", expected batch norm in the main graph. Export the model without ` +
        'control flow around batch norm.',
    );
  }
  const holder = model.functions.find(({ node }) => node.some(isBatchNorm));
  if (holder !== undefined) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `batchNormModel: the function "${holder.name}" contains batch norm, expected it in the ` +
        "main graph. Inline the function with Python's onnx.inliner.inline_local_functions.",
    );
  }
}

function allNodes(graph: GraphProto): readonly NodeProto[] {
  return graph.node.flatMap((node) => [node, ...subgraphsOf(node).flatMap(allNodes)]);
}

function noBatchNorm(graph: GraphProto | undefined): PolyakError {
  const hasBias = (graph?.node ?? []).some(
    ({ opType, input }) =>
      /^(Conv|ConvTranspose|Gemm|FusedConv)$/.test(opType) && (input[2] ?? '') !== '',
  );
  const folded = hasBias
    ? ' It may have been folded into the Conv or Gemm nodes that have a bias.'
    : '';
  return new PolyakError(
    'ERR_BATCH_NORM',
    `batchNormModel: the model has no BatchNormalization node.${folded} From PyTorch, export ` +
      'with training=torch.onnx.TrainingMode.PRESERVE and ' +
      'do_constant_folding=False, and do not run an optimizer or simplifier on the file. A model ' +
      'that never had batch norm needs no update.',
  );
}

function named(
  layers: ReadonlyMap<string, { readonly variance: string; readonly nodes: readonly NodeProto[] }>,
): readonly BatchNormNodes[] {
  const found = [...layers].map(([mean, { variance, nodes }]) => {
    const name = layerName(mean) ?? (nodes[0]?.name || mean);
    return { name, mean, variance, nodes };
  });
  // Layers of equal names get the names of their initializers, which are unique.
  return found.map((layer) =>
    found.filter(({ name }) => name === layer.name).length === 1
      ? layer
      : { ...layer, name: layer.mean },
  );
}

/** `bn1` for `bn1.running_mean`; TensorFlow's converters use other separators. */
function layerName(mean: string): string | undefined {
  const match = /^(.+?)[./_:]+(?:running|moving)_?mean(?:[/:].*)?$/i.exec(mean);
  return match?.[1];
}
