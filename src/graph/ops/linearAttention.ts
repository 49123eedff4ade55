import { FormatError } from '../../core/errors.ts';
import type { Attributes, Builder, Call, Node, Op, ReplacedState, Sizes, ValueId } from '../types.ts';
import { matrixOf, numberOf, once, requireWidth, shareOf, textOf } from './checks.ts';
import { einsumOf, minus, plus, reshaped, shapeIn } from './primitives/algebra.ts';

interface Shape extends Attributes {
  readonly heads: number;
  readonly keyHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly tiled: boolean;
  readonly delta: boolean;
  readonly scale: number;
}

/** What both directions need to know. */
function shapeOf(attributes: Attributes): Shape {
  const [heads, keyHeads, keyDim, valueDim] = ['heads', 'keyHeads', 'keyDim', 'valueDim'].map((name) =>
    numberOf(attributes, name),
  );
  const { tiled, delta } = attributes;
  return {
    ...{ heads, keyHeads, keyDim, valueDim, scale: numberOf(attributes, 'scale', 1) },
    ...{ tiled: tiled === true, delta: delta === true },
  };
}

/** S of every head. */
function replaced({ attributes }: Pick<Node, 'inputs' | 'attributes'>): ReplacedState {
  const { heads, valueDim, keyDim } = shapeOf(attributes);
  return { name: textOf(attributes, 'state'), shape: [heads, valueDim, keyDim] };
}

/**
 * Linear attention with decay, a recurrence: inputs q and k [tokens, keyHeads·keyDim], v [tokens, heads·valueDim], decay and
 * strength [tokens, heads]. Every head has a matrix S [valueDim, keyDim], zeros at the start of a sequence; at each token
 *
 *     S ← e^decay·S,   S ← S + strength·(v − S·k)·kᵀ   (without `delta`: S + strength·v·kᵀ),   out = scale·S·q
 *
 * Attributes: `scale` (default 1), `delta`, `tiled` (head h reads the keys of head h mod keyHeads, else of
 * ⌊h·keyHeads/heads⌋), `state`. In a stream S is a state of that name, which every run replaces; where it begins with the
 * first token, what the state held before is not read.
 * @see Yang, Kautz and Hatamizadeh, "Gated delta networks" (2024), equation 10: with `delta`
 * @see Dao and Gu, "Transformers are SSMs" (2024), equation 16: without, q = C, k = B, v = x, strength = Δ, decay = Δ·A
 */
export const linearAttention: Op = {
  name: 'linearAttention',
  infer: ([q, k, v, decay, strength], attributes) => {
    textOf(attributes, 'state');
    const { heads, keyHeads, keyDim, valueDim } = shapeOf(attributes);
    if (heads % keyHeads !== 0)
      throw new FormatError(`linearAttention: ${heads} heads, which ${keyHeads} keyHeads do not divide`);
    const widths = { q: keyHeads * keyDim, k: keyHeads * keyDim, v: heads * valueDim, decay: heads, strength: heads };
    for (const [name, given] of Object.entries({ q, k, v, decay, strength }))
      requireWidth(
        'linearAttention',
        name,
        matrixOf('linearAttention', given).width,
        widths[name as keyof typeof widths],
      );
    return [{ type: 'f32', shape: v!.shape }];
  },
  lower: ({ inputs, outputs: [out], attributes }, { target, state }) => {
    const shape = shapeOf(attributes);
    const operands = [...inputs.map((id) => id!), out];
    const call: Call = { kernel: 'linearAttention', operands, sizes: {}, attributes: shape };
    if (target.states === 'whole') return [call];
    const { name, shape: kept } = replaced({ inputs, attributes });
    return [{ ...call, operands: [...operands, state(name, 'f32', kept)] }];
  },
  replaces: replaced,
  expand: (node, build, sizes) => [unrolled(node, build, sizes)],
  vjp: (node, [dOut], build) => {
    const gradients = once(() =>
      build.nodes('linearAttentionBackward', [...node.inputs, dOut!], shapeOf(node.attributes)),
    );
    return node.inputs.map((_, i) => (addend) => shareOf(build, gradients()[i])(addend));
  },
};

/** Token by token: every one of a sequence by the state that the one before it left. */
function unrolled({ inputs, attributes }: Pick<Node, 'inputs' | 'attributes'>, build: Builder, sizes: Sizes): ValueId {
  const { sequences, length } = sizes;
  const { heads, valueDim, delta, scale } = shapeOf(attributes);
  const [q, k] = [inputs[0]!, inputs[1]!].map((x) => onHeads(build, x, attributes, sizes));
  const v = reshaped(build, inputs[2]!, [sequences, length, heads, valueDim]);
  const gates = [inputs[3]!, inputs[4]!].map((x) => reshaped(build, x, [sequences, length, heads, 1]));
  if (length === 0) return reshaped(build, v, shapeIn(build, inputs[2]!));
  const at = (x: ValueId, token: number): ValueId => {
    const [, , , width] = shapeIn(build, x);
    const part = { starts: [0, token, 0, 0], sizes: [sequences, 1, heads, width], steps: [1, 1, 1, 1] };
    return reshaped(build, build.node('slice', [x], part), [sequences, heads, width]);
  };
  let s: ValueId | undefined;
  const outputs = Array.from({ length }, (_, token) => {
    const [query, key, value, decay, strength] = [q, k, v, ...gates].map((x) => at(x, token));
    const kept = s && einsumOf(build, 'shvk,shz->shvk', [s, build.node('exp', [decay])]);
    const held = kept && delta ? einsumOf(build, 'shvk,shk->shv', [kept, key]) : undefined;
    const left = held ? minus(build, value, held) : value;
    const written = einsumOf(build, 'shv,shk,shz->shvk', [left, key, strength]);
    s = kept ? plus(build, kept, written) : written;
    const out = einsumOf(build, 'shvk,shk->shv', [s, query], { factor: scale });
    return build.node('place', [reshaped(build, out, [sequences, 1, heads, valueDim])], {
      starts: [0, token, 0, 0],
      shape: [sequences, length, heads, valueDim],
      steps: [1, 1, 1, 1],
    });
  });
  return reshaped(
    build,
    outputs.reduce((sum, part) => plus(build, sum, part)),
    shapeIn(build, inputs[2]!),
  );
}

/** Queries or keys of every head: [sequences, length, heads, keyDim]. */
function onHeads(build: Builder, x: ValueId, attributes: Attributes, { sequences, length }: Sizes): ValueId {
  const { heads, keyHeads, keyDim, tiled } = shapeOf(attributes);
  const rows = reshaped(build, x, [sequences, length, keyHeads, keyDim]);
  const repeated = einsumOf(build, tiled ? 'slkd->slrkd' : 'slkd->slkrd', [rows], { sizes: { r: heads / keyHeads } });
  return reshaped(build, repeated, [sequences, length, heads, keyDim]);
}

/** Gradients at the five inputs. For whole sequences alone. */
export const linearAttentionBackward: Op = {
  name: 'linearAttentionBackward',
  infer: (inputs) => inputs.slice(0, 5).map((input) => ({ type: 'f32', shape: input!.shape })),
  lower: ({ inputs, outputs, attributes }) => [
    {
      kernel: 'linearAttentionBackward',
      operands: [...inputs.map((id) => id!), ...outputs],
      sizes: {},
      attributes: shapeOf(attributes),
    },
  ],
};
