import { lax, nn, numpy as np } from '@jax-js/jax';
import { constantValues } from '../../src/graph/constants.ts';
import type { Attributes, Graph, ValueId } from '../../src/graph/types.ts';
import { type Sizes, sizeOf } from '../../src/kernels/program.ts';

/* Graphs of primitives run by jax-js: an engine that is not ours computes every op, and differentiates it. */

type Values = Map<ValueId, np.Array>;

/** Every value of a graph of primitives. Arrays of jax-js are used up where they are read: `of` lends one. */
export function runByJax({ values, nodes }: Graph, given: ReadonlyMap<ValueId, np.Array>, sizes: Sizes): Values {
  const found: Values = new Map(given);
  for (const [id, value] of values.entries()) {
    if (value.source !== 'constant') continue;
    const shape = value.shape.map((size) => sizeOf(size, sizes));
    found.set(id, jaxArray(constantValues(value.recipe, shape), shape));
  }
  const of = (id: ValueId): np.Array => found.get(id)!.ref;
  const isEmpty = (id: ValueId): boolean => values[id].shape.includes(0);
  for (const { op, inputs, outputs, attributes } of nodes) {
    if (isEmpty(outputs[0])) continue; // jax-js has no empty arrays: what is put from one is zeros
    const made = inputs.some((id) => isEmpty(id!))
      ? np.zeros(values[outputs[0]].shape as number[])
      : primitives[op](
          inputs.map((id) => of(id!)),
          attributes,
        );
    found.set(outputs[0], made);
  }
  return found;
}

export function jaxArray(values: Float32Array | Int32Array, shape: readonly number[]): np.Array {
  const dtype = values instanceof Int32Array ? np.int32 : np.float32;
  return np.array(Array.from(values), { dtype }).reshape([...shape]);
}

type Primitive = (inputs: np.Array[], attributes: Attributes) => np.Array;

const numbers = (attributes: Attributes, name: string): number[] => [...(attributes[name] as readonly number[])];

const primitives: Readonly<Record<string, Primitive>> = {
  add: ([a, b]) => a.add(b),
  einsum: (inputs, attributes) => einsum(inputs, attributes),
  where: ([condition, a, b]) => np.where(np.greater(condition, 0), a, b),
  maximum: ([x]) => np.max(x, -1),
  topK: ([x], { k }) => lax.topK(x, k as number, -1)[1].reshape([-1]),
  exp: ([x]) => np.exp(x),
  log: ([x]) => np.log(x),
  power: ([x], { exponent }) => power(x, exponent as number),
  tanh: ([x]) => np.tanh(x),
  erf: ([x]) => lax.erf(x),
  gather: ([ids, x]) => {
    const [shape, [rows, ...rest]] = [ids.shape, x.shape];
    const flat = np.einsum('nr,rc->nc', nn.oneHot(ids.reshape([-1]), rows), x.reshape([rows, -1]));
    return flat.reshape([...shape, ...rest]);
  },
  scatterAdd: ([ids, x], attributes) => {
    const [rows, count] = [attributes.rows as number, ids.shape.reduce((product, size) => product * size, 1)];
    const rest = x.shape.slice(ids.shape.length);
    const flat = np.einsum('nr,nc->rc', nn.oneHot(ids.reshape([-1]), rows), x.reshape([count, -1]));
    return flat.reshape([rows, ...rest]);
  },
  reshape: ([x], attributes) => x.reshape(numbers(attributes, 'shape')),
  slice: ([x], attributes) => part(x, x.shape, numbers(attributes, 'sizes'), attributes, true),
  place: ([x], attributes) => part(x, numbers(attributes, 'shape'), x.shape, attributes, false),
};

/** Letters that only the output has repeat it. */
function einsum(inputs: np.Array[], attributes: Attributes): np.Array {
  const [left, output] = String(attributes.subscripts).split('->');
  const words = left.split(',');
  const sizes = new Map(Object.entries((attributes.sizes ?? {}) as Readonly<Record<string, number>>));
  for (const [i, word] of words.entries())
    for (const [axis, letter] of [...word].entries()) sizes.set(letter, inputs[i].shape[axis]);
  const known = [...output].filter((letter) => left.includes(letter));
  const product = np
    .einsum(`${left}->${known.join('')}`, ...inputs)
    .mul((attributes.factor as number | undefined) ?? 1);
  const open = [...output].map((letter) => (known.includes(letter) ? sizes.get(letter)! : 1));
  return np.broadcastTo(
    product.reshape(open),
    [...output].map((letter) => sizes.get(letter)!),
  );
}

function power(x: np.Array, exponent: number): np.Array {
  if (exponent < 0) return np.reciprocal(power(x, -exponent));
  if (exponent === 0.5) return np.sqrt(x);
  if (Number.isInteger(exponent))
    return Array.from({ length: exponent - 1 }).reduce<np.Array>((y) => y.mul(x.ref), x.ref);
  return np.power(x, exponent);
}

/** Products with matrices of zeros and ones, axis by axis: what they take, or (transposed) where it is put. */
function part(
  x: np.Array,
  whole: readonly number[],
  sizes: readonly number[],
  attributes: Attributes,
  takes: boolean,
): np.Array {
  const [starts, steps] = [numbers(attributes, 'starts'), numbers(attributes, 'steps')];
  const letters = 'abcdefgh'.slice(0, whole.length);
  let y = x;
  for (const [axis, letter] of [...letters].entries()) {
    const chosen = new Float32Array(sizes[axis] * whole[axis]);
    for (let i = 0; i < sizes[axis]; i++) chosen[i * whole[axis] + starts[axis] + i * steps[axis]] = 1;
    const after = letters.replace(letter, 'z');
    const matrix = jaxArray(chosen, [sizes[axis], whole[axis]]);
    y = np.einsum(`${letters},${takes ? `z${letter}` : `${letter}z`}->${after}`, y, matrix);
  }
  return y;
}
