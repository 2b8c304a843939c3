// Reads graphs: what nodes read, and which nodes lead to the outputs.
import { create } from '@bufbuild/protobuf';
import { GraphProtoSchema } from '../proto/onnx_pb.js';
import type { GraphProto, ModelProto, NodeProto } from '../proto/onnx_pb.js';

/**
 * The graphs inside a node, such as the branches of `If` and the body of `Loop`.
 *
 * @param node - a node
 */
export function subgraphsOf(node: NodeProto): readonly GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g === undefined ? graphs : [g, ...graphs]));
}

/**
 * The names that a node reads: its inputs, and all names that graphs inside it read, their own
 * included. Names in ONNX are unique, so these match nothing in the graph around.
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
 * The name of a node in messages.
 *
 * @param node - a node; its own name may be empty
 */
export function labelOf(node: NodeProto): string {
  return node.name === '' ? `${node.opType} -> ${node.output[0] ?? ''}` : node.name;
}

/**
 * The version of ONNX's own operators that a model uses.
 *
 * @param model - a model
 * @returns 1 if the model declares none, as in the oldest files
 */
export function opsetOf(model: ModelProto): number {
  const own = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  return Number(own?.version ?? 1);
}

/**
 * A graph without the parts that its outputs do not need. It shares nodes and tensors with `graph`.
 *
 * @param graph - only read
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

/** Operators that give out their input unchanged. */
export const ALIAS: ReadonlySet<string> = new Set(['Identity']);

/** The same, and Cast, which models in mixed precision have between a weight and its use. */
export const CAST_ALIAS: ReadonlySet<string> = new Set(['Identity', 'Cast']);

/**
 * Makes a function that follows a name back through aliases. Exporters write Identity where modules
 * share weights.
 *
 * @param graph - a graph
 * @param alias - the operators whose output is an alias of their input
 * @returns a function from a name to the first name of the same value
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
