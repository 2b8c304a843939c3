// Reading graphs: what a node needs, what leads to given outputs, and what nothing needs.
import { create } from '@bufbuild/protobuf';
import { GraphProtoSchema } from 'onnx-buf';
import type { GraphProto, ModelProto, NodeProto } from 'onnx-buf';

/**
 * The graphs inside a node, such as the branches of `If` and the body of `Loop`.
 *
 * @param node - a node
 */
export function subgraphsOf(node: NodeProto): readonly GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g === undefined ? graphs : [g, ...graphs]));
}

/**
 * The names that a node reads: its inputs, and what graphs inside it read. Of the latter some are
 * their own, which the graph around them does not know: names are unique in ONNX.
 *
 * @param node - a node
 */
export function namesReadBy(node: NodeProto): readonly string[] {
  const captured = subgraphsOf(node).flatMap((graph) => [
    ...graph.node.flatMap(namesReadBy),
    ...graph.output.map(({ name }) => name),
  ]);
  return [...node.input, ...captured].filter((name) => name !== '');
}

/**
 * A node as messages call it.
 *
 * @param node - a node, whose name ONNX allows to be empty
 */
export function labelOf(node: NodeProto): string {
  return node.name === '' ? `${node.opType} -> ${node.output[0] ?? ''}` : node.name;
}

/**
 * The version of ONNX's own operators that a model uses.
 *
 * @param model - a model
 * @returns 1 where it says nothing, as in the oldest files
 */
export function opsetOf(model: ModelProto): number {
  const own = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  return Number(own?.version ?? 1);
}

/**
 * A graph without what its outputs do not need. Nodes and tensors are shared with `graph`, not
 * copied.
 *
 * @param graph - any graph; it stays as it is
 */
export function pruned(graph: GraphProto): GraphProto {
  const makers = new Map(
    graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)),
  );
  const needed = new Set<string>();
  const kept = new Set<NodeProto>();
  const open = graph.output.map(({ name }) => name);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    const maker = makers.get(name);
    if (maker === undefined || kept.has(maker)) continue;
    kept.add(maker);
    open.push(...namesReadBy(maker));
  }
  const isNeeded = ({ name }: { readonly name: string }): boolean => needed.has(name);
  return create(GraphProtoSchema, {
    name: graph.name,
    output: graph.output,
    node: graph.node.filter((node) => kept.has(node)),
    initializer: graph.initializer.filter(isNeeded),
    sparseInitializer: graph.sparseInitializer.filter(({ values }) => values && isNeeded(values)),
    input: graph.input.filter(isNeeded),
    valueInfo: graph.valueInfo.filter(isNeeded),
  });
}

/** What hands on its input as it is. */
export const ALIAS: ReadonlySet<string> = new Set(['Identity']);

/**
 * The same, but for its precision: what models in mixed precision have between a weight and its
 * use.
 */
export const CAST_ALIAS: ReadonlySet<string> = new Set(['Identity', 'Cast']);

/**
 * Follows a name back through nodes that only hand it on; exporters put Identity where modules
 * share weights.
 *
 * @param graph - a graph
 * @param alias - the operators to look through
 * @returns what a name of the graph is another name of
 */
export function rootsOf(graph: GraphProto, alias: ReadonlySet<string>): (name: string) => string {
  const sources = new Map(
    graph.node
      .filter(({ opType, domain }) => alias.has(opType) && domain === '')
      .map((node) => [node.output[0] ?? '', node.input[0] ?? '']),
  );
  return (name) => {
    const seen = new Set([name]);
    let root = name;
    for (
      let source = sources.get(root);
      source !== undefined && !seen.has(source);
      source = sources.get(root)
    ) {
      seen.add(source);
      root = source;
    }
    return root;
  };
}
