// Finds the initializers that are running statistics of batch norm. They are not averaged: bnUpdate
// estimates them.
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
} from '../proto/onnx_pb.js';

const BATCH_NORM = 'BatchNormalization';
const MEAN = 3;
const VARIANCE = 4;
// Operators that give out their first input, perhaps in another precision.
const ALIASES = new Set(['Identity', 'Cast']);

/**
 * The names in the main graph that BatchNormalization nodes read as running mean or variance:
 * directly, through Identity or Cast, inside If or Loop, or as an argument of a function of the
 * model.
 *
 * @param model - only read
 */
export function batchNormStatistics(
  model: ModelProto & { graph: GraphProto },
): ReadonlySet<string> {
  const functions = new Map(model.functions.map((body) => [functionKey(body), body]));
  return statisticsAmong(model.graph.node, functions, new Set());
}

type Functions = ReadonlyMap<string, FunctionProto>;

function statisticsAmong(
  nodes: readonly NodeProto[],
  functions: Functions,
  under: ReadonlySet<FunctionProto>,
): ReadonlySet<string> {
  const names = new Set<string>();
  const note = (name: string | undefined): void => {
    if (name !== undefined && name !== '') names.add(name);
  };
  for (const node of nodes) {
    if (isBatchNorm(node)) [MEAN, VARIANCE].forEach((index) => note(node.input[index]));
    for (const branch of branchesOf(node.attribute)) {
      // A branch cannot hide a name of the outside: ONNX forbids it.
      statisticsAmong(branch.node, functions, under).forEach(note);
    }
    const body = functions.get(
      functionKey({ domain: node.domain, name: node.opType, overload: node.overload }),
    );
    if (body === undefined || under.has(body)) continue;
    const inner = statisticsAmong(body.node, functions, new Set([...under, body]));
    body.input.forEach((name, index) => note(inner.has(name) ? node.input[index] : undefined));
  }
  const before = new Map(
    nodes
      .filter(({ opType }) => ALIASES.has(opType))
      .map(({ output, input }) => [output[0], input[0]]),
  );
  // The loop also visits what it adds to the Set.
  for (const name of names) note(before.get(name));
  return names;
}

function functionKey({
  domain,
  name,
  overload,
}: Pick<FunctionProto, 'domain' | 'name' | 'overload'>): string {
  return JSON.stringify([domain, name, overload]);
}

function isBatchNorm({ opType, domain }: NodeProto): boolean {
  return opType === BATCH_NORM && (domain === '' || domain === 'ai.onnx');
}

function branchesOf(attributes: readonly AttributeProto[]): readonly GraphProto[] {
  return attributes.flatMap(({ g, graphs }) => (g === undefined ? graphs : [g, ...graphs]));
}
