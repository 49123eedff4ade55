import { sha256Hex } from '../core/hash.ts';
import type { Attribute, Attributes, Graph, Value, ValueId } from './types.ts';

/** Changes with the canonical form, so that digests of an older one are never taken for a new one's. */
const FORM = 'graph 1';

/** The attribute that names memory: nodes share it by equal names, and what the name is does not matter. */
const STATE = 'state';

/**
 * What a graph computes, told apart from how it is written down: a key of stored work. Names of inputs, tensors and
 * states are left out, and so are values that nothing reads; values, tensors and states are numbered by their first use.
 * Which values, tensors and states are the same one, shapes, attributes, constants, the order of nodes and the cuts stay.
 * @returns 64 hexadecimal digits
 * @throws RangeError for attributes that JSON does not hold, such as NaN
 */
export async function graphDigest(graph: Graph): Promise<string> {
  return await sha256Hex(new TextEncoder().encode(JSON.stringify(canonical(graph))));
}

/** The canonical form of a graph: equal JSON where graphs are the same up to names. */
export function canonical({ values, nodes, outputs, cuts }: Graph): Attribute {
  const [tensors, states] = [new Numbering<string>(), new Numbering<string>()];
  const ids = new Numbering<ValueId>();
  const outside: Attribute[] = [];
  const numberOf = (id: ValueId | null): Attribute => {
    if (id === null) return null;
    const known = ids.size;
    const number = ids.of(id);
    const value = values[id];
    if (number === known && value.source !== 'node') outside.push([number, ...described(value, tensors)]);
    return number;
  };
  const listed = nodes.map(({ op, inputs, outputs, attributes }): Attribute => {
    const made = [inputs.map(numberOf), outputs.map(numberOf)];
    return [op, ...made, sorted(withoutNames(attributes, states))];
  });
  return [FORM, listed, outputs.map(numberOf), outside, [...cuts]];
}

/** Source, type and shape of a value from outside; which tensor it is, and how a constant is made. */
function described(value: Exclude<Value, { source: 'node' }>, tensors: Numbering<string>): Attribute[] {
  const shape = value.shape.map((size) => (typeof size === 'number' ? size : [size.of, size.times]));
  const common = [value.source, value.type, shape];
  switch (value.source) {
    case 'input':
      return common;
    case 'weight':
      return [...common, tensors.of(value.tensor)];
    case 'constant':
      return [...common, sorted(value.recipe as unknown as Attributes)];
  }
}

function withoutNames(attributes: Attributes, states: Numbering<string>): Attributes {
  const state = attributes[STATE];
  return typeof state === 'string' ? { ...attributes, [STATE]: states.of(state) } : attributes;
}

/** Keys in the order of their names, all the way down. Keys without a value are left out, as JSON leaves them out. */
function sorted(attribute: Attribute): Attribute {
  if (typeof attribute === 'number' && !Number.isFinite(attribute))
    throw new RangeError(`graph: attribute is ${attribute}, which JSON does not hold`);
  if (attribute === null || typeof attribute !== 'object') return attribute;
  if (Array.isArray(attribute)) return attribute.map(sorted);
  const entries = Object.entries(attribute as Attributes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, sorted(value)]));
}

/** Numbers things in the order in which they are met. */
class Numbering<T> {
  readonly #numbers = new Map<T, number>();

  get size(): number {
    return this.#numbers.size;
  }

  of(thing: T): number {
    const known = this.#numbers.get(thing) ?? this.#numbers.size;
    this.#numbers.set(thing, known);
    return known;
  }
}
