import { producers } from '../graph/build.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Graph, Node, ValueId } from '../graph/types.ts';
import type { Model, ModelTensor } from './types.ts';

/**
 * Which of a token's experts are left out in one block, by `keepSlots`: the j-th is used where
 * scores_j · x + ratios_j · w_j / w_0 + levels_j · w_j + offsets_j + biases_e > 0, w the router's weights, x its input, e
 * the expert. The first is always used.
 */
export interface ExpertRule {
  readonly ratios: readonly number[]; // [k]
  readonly levels: readonly number[]; // [k]
  readonly offsets: readonly number[]; // [k]
  readonly biases: readonly number[]; // [experts]
  /** [k, hidden] */
  readonly scores?: Float32Array;
}

/** Routers of a network: the nodes that choose, in the order of blocks, and how many experts they choose of. */
export function routersOf({
  nodes,
}: Graph): { readonly node: Node; readonly experts: number; readonly used: number }[] {
  return nodes
    .filter(({ op }) => op === 'route')
    .map((node) => {
      const dispatch = nodes.find(({ op, inputs }) => op === 'dispatch' && inputs[0] === node.outputs[0]);
      return {
        node,
        experts: dispatch?.attributes.experts as number,
        used: node.attributes.k as number,
      };
    });
}

/**
 * The model with fewer experts at work: a rule for every router, in the order of blocks. Experts that a rule leaves out
 * cost nothing. Where the model divides a token's weights by their sum, what is left is divided by its own.
 */
export function withExpertRules(model: Model, rules: readonly ExpertRule[]): Model {
  const routers = routersOf(model.graph);
  if (rules.length !== routers.length)
    throw new RangeError(`${rules.length} rules for ${routers.length} blocks of experts`);
  const producer = producers(model.graph);
  const tensors = new Map(model.tensors);
  // What routers read, once its node was rewritten: the input of the matrix that makes their logits.
  const logits = new Map(routers.map(({ node }, i) => [producer[node.inputs[0]!], i]));
  const read = new Map<number, ValueId>();
  const indexOf = new Map(model.graph.nodes.map((node, index) => [node, index]));
  const graph = rewrite(model.graph, (node, inputs, build) => {
    const made = logits.get(indexOf.get(node)!);
    if (made !== undefined) read.set(made, inputs[0]!);
    const block = routers.findIndex((router) => router.node === node);
    if (block < 0) return undefined;
    const { experts, used: k } = routers[block];
    const { scores, ...rule } = rules[block];
    const [ids, weights] = build.nodes(node.op, inputs, node.attributes);
    let score: ValueId | null = null;
    if (scores !== undefined) {
      const tensor = keptTensor(block, scores, k);
      tensors.set(tensor.name, tensor);
      score = build.node('linear', [read.get(block)!, build.weight(tensor.name, tensor.shape as number[])]);
    }
    const normalize = node.attributes.normalize === true;
    return build.nodes('keepSlots', [ids, weights, score], { k, experts, normalize, ...rule });
  });
  const original = model.fingerprint;
  const fingerprint = async () => `${await original()} ${JSON.stringify(rules.map(withoutArrays))}`;
  return { ...model, graph, tensors, fingerprint };
}

function keptTensor(block: number, values: Float32Array, rows: number): ModelTensor {
  const columns = values.length / rows;
  return {
    ...{ name: `experts.${block}.keep`, role: 'experts_keep', layer: -1, shape: [rows, columns], format: 'F32' },
    exact: true,
    load: async (start = 0, end = rows) => values.slice(start * columns, end * columns),
  };
}

const withoutArrays = (rule: ExpertRule) => ({ ...rule, scores: rule.scores && [...rule.scores] });

/** How many slots of the tokens that run together an expert takes, and what becomes of those that do not fit. */
export interface ExpertCapacity {
  /** Places of an expert, in even shares of all slots. */
  readonly factor: number;
  readonly reroute: boolean;
  readonly fill: boolean;
}

/**
 * The model as runtimes run it that give every expert as many places, by `limitSlots`. What a token gets then depends on
 * the others that run with it.
 */
export function withExpertCapacity(model: Model, capacity: ExpertCapacity): Model {
  const routers = routersOf(model.graph);
  const dealt = new Set(routers.map(({ node }) => node.outputs[0]));
  const orders = new Set(
    model.graph.nodes
      .filter(({ op, inputs }) => op === 'dispatch' && dealt.has(inputs[0]!))
      .map(({ outputs }) => outputs[0]),
  );
  const graph = rewrite(model.graph, (node, inputs, build) => {
    const router = routers.find((each) => each.node === node);
    if (router !== undefined) {
      const { experts, used: k } = router;
      const normalize = node.attributes.normalize === true;
      const [ids, weights] = build.nodes(node.op, inputs, node.attributes);
      return build.nodes('limitSlots', [inputs[0], ids, weights], { k, experts, normalize, ...capacity });
    }
    if (!['gatherSlots', 'combine'].includes(node.op) || !orders.has(node.inputs[1]!)) return undefined;
    return build.nodes(node.op, inputs, { ...node.attributes, k: (node.attributes.k as number) + 1 });
  });
  const original = model.fingerprint;
  return { ...model, graph, fingerprint: async () => `${await original()} ${JSON.stringify(capacity)}` };
}
