import { contains, filters, passes, textFilters } from './filters.ts';
import { percentFormat } from './format.ts';
import { Environment, Interpreter, type Node, parse, type Scope, tokenize } from './library.ts';
import { methodOf } from './methods.ts';
import type { Entries, Value } from './values.ts';
import {
  boolean,
  entriesOf,
  equal,
  float,
  integer,
  isCallable,
  isText,
  isTrue,
  isUndefined,
  itemsOf,
  iterate,
  list,
  object,
  printed,
  text,
  undefinedValue,
} from './values.ts';

/**
 * A chat template, rendered as transformers does with Python's Jinja: `@huggingface/jinja` parses and runs it, and what
 * the library does otherwise is done here. Values print as Python prints them; equality looks into lists and objects;
 * integers are keys; `~` joins anything and `%` formats text; nothing happens in loops over what is undefined; filters
 * and methods are those of `filters.ts` and `methods.ts`.
 * @throws Error when the template is ill-formed, fails, or rejects the messages (`raise_exception`)
 */
export function renderTemplate(template: string, variables: Readonly<Record<string, unknown>>): string {
  const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
  printsExpressions(program, Object.getPrototypeOf(Object.getPrototypeOf(program)));
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  return printed(new TemplateInterpreter(environment).run(program));
}

const globals: Readonly<Record<string, unknown>> = {
  ...{ true: true, false: false, none: null, True: true, False: false, None: null },
  raise_exception(message: string): never {
    throw new Error(message);
  },
  range(first: number, end?: number, step = 1): number[] {
    const [from, to] = end === undefined ? [0, first] : [first, end];
    if (step === 0) throw new Error('range() has a step of 0');
    return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
  },
  strftime_now: (format: string): string => strftime(new Date(), format),
};

const statements = new Set([
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Break',
  'Continue',
  'Comment',
]);

/** Marks the expressions that stand alone, `{{ … }}` and plain text, as what is printed. */
function printsExpressions(node: Node, prototype: object): void {
  for (const field of ['body', 'alternate', 'defaultBlock']) {
    const block = node[field];
    if (!Array.isArray(block)) continue;
    for (const child of block as Node[]) printsExpressions(child, prototype);
    const marked = (block as Node[]).map((child) =>
      statements.has(child.type)
        ? child
        : Object.assign(Object.create(prototype), { type: 'Print', expression: child }),
    );
    (node as unknown as Record<string, unknown>)[field] = marked;
  }
}

class TemplateInterpreter extends Interpreter {
  override evaluate(statement: Node | undefined, environment: Scope): Value {
    const node = statement;
    switch (node?.type) {
      case 'Print':
        return text(printed(this.evaluate(node.expression as Node, environment)));
      case 'Known':
        return node.value as Value;
      case 'ObjectLiteral':
        return this.#object(node, environment);
      case 'MemberExpression':
        return this.#member(node, environment);
      case 'CallExpression':
        return this.#call(node, environment);
      case 'BinaryExpression':
        return this.#binary(node, environment);
      case 'FilterExpression':
        return this.#filter(this.evaluate(node.operand as Node, environment), node.filter as Node, environment);
      case 'FilterStatement': {
        const body = { type: 'Program', body: node.body } as Node;
        return this.#filter(this.evaluate(body, environment), node.filter as Node, environment);
      }
      case 'TestExpression': {
        const value = this.evaluate(node.operand as Node, environment);
        const passed = passes(value, String((node.test as Node).value), [], environment);
        return passed === undefined ? super.evaluate(statement, environment) : boolean(passed !== node.negate);
      }
      case 'For':
        return this.#loop(node, environment);
      default:
        return super.evaluate(statement, environment);
    }
  }

  /** Evaluates a node as the library does, some of its parts known already. */
  #withKnown(node: Node, parts: Readonly<Record<string, Value>>, environment: Scope): Value {
    return super.evaluate({ ...node, type: node.type, ...knownParts(parts) } as Node, environment);
  }

  #object(node: Node, environment: Scope): Value {
    const entries: Entries = new Map();
    for (const [key, value] of node.value as Map<Node, Node>) {
      entries.set(this.evaluate(key, environment).value as string | number, this.evaluate(value, environment));
    }
    return object(entries);
  }

  #member(node: Node, environment: Scope): Value {
    const owner = this.evaluate(node.object as Node, environment);
    const property = node.property as Node;
    if (property.type === 'SliceExpression') return this.#withKnown(node, { object: owner }, environment);
    const name = node.computed ? this.evaluate(property, environment) : text(String(property.value));
    const entry = entriesOf(owner)?.get(name.value as string | number);
    if (entry !== undefined) return entry;
    const method = isText(name) ? methodOf(owner, name.value as string) : undefined;
    if (method !== undefined) return method;
    if (entriesOf(owner) !== undefined || owner.type === 'NullValue') return undefinedValue();
    const known = { ...node, type: node.type, computed: true, ...knownParts({ object: owner, property: name }) };
    return super.evaluate(known as Node, environment);
  }

  #call(node: Node, environment: Scope): Value {
    const callee = this.evaluate(node.callee as Node, environment);
    if (!isCallable(callee))
      throw new Error(
        `${sourceOf(node.callee as Node)} is ${isUndefined(callee) ? 'undefined' : 'no function'}, and the template calls it`,
      );
    return this.#withKnown(node, { callee }, environment);
  }

  #binary(node: Node, environment: Scope): Value {
    const operator = (node.operator as { value: string }).value;
    const left = this.evaluate(node.left as Node, environment);
    if (operator === 'and') return isTrue(left) ? this.evaluate(node.right as Node, environment) : left;
    if (operator === 'or') return isTrue(left) ? left : this.evaluate(node.right as Node, environment);
    const right = this.evaluate(node.right as Node, environment);
    if (operator === '==') return boolean(equal(left, right));
    if (operator === '!=') return boolean(!equal(left, right));
    if (operator === '~') return text(printed(left) + printed(right));
    if (operator === 'in') return boolean(contains(right, left));
    if (operator === 'not in') return boolean(!contains(right, left));
    if (operator === '%' && isText(left)) return text(percentFormat(left.value as string, right));
    if (operator === '%') return remainder(left, right);
    if (operator === '*' && isText(left)) return text((left.value as string).repeat(Math.max(0, Number(right.value))));
    if (isText(left) && isText(right) && /^[<>]=?$/.test(operator)) {
      const [a, b] = [left.value as string, right.value as string];
      return boolean(
        operator[0] === '<' ? a < b || (operator === '<=' && a === b) : a > b || (operator === '>=' && a === b),
      );
    }
    return this.#withKnown(node, { left, right }, environment);
  }

  #filter(operand: Value, filter: Node, environment: Scope): Value {
    const called = filter.type === 'CallExpression';
    const name = String((called ? (filter.callee as Node) : filter).value);
    const { args, named } = this.#arguments(called ? (filter.args as Node[]) : [], environment);
    if (Object.hasOwn(filters, name)) {
      const filtered = (value: Value, other: string, more: readonly Value[]): Value =>
        this.#filter(value, callNode(other, more), environment);
      return filters[name](operand, { args, named, environment, filtered });
    }
    const value = textFilters.has(name) ? text(printed(operand)) : name === 'tojson' ? textKeys(operand) : operand;
    return this.#withKnown({ type: 'FilterExpression', filter } as unknown as Node, { operand: value }, environment);
  }

  #arguments(nodes: readonly Node[], environment: Scope): { args: Value[]; named: Entries } {
    const args: Value[] = [];
    const named: Entries = new Map();
    for (const node of nodes) {
      if (node.type === 'KeywordArgumentExpression') {
        named.set(String((node.key as Node).value), this.evaluate(node.value as Node, environment));
      } else if (node.type === 'SpreadExpression') {
        args.push(...iterate(this.evaluate(node.argument as Node, environment)));
      } else args.push(this.evaluate(node, environment));
    }
    return { args, named };
  }

  #loop(node: Node, environment: Scope): Value {
    const over = node.iterable as Node;
    const selecting = over.type === 'SelectExpression';
    const items = iterate(this.evaluate((selecting ? over.lhs : over) as Node, environment));
    // The library unpacks lists alone.
    const unpacked = known(list(items.map((item) => (item.type === 'TupleValue' ? list(itemsOf(item)!) : item))));
    const iterable = selecting ? { ...over, type: over.type, lhs: unpacked } : unpacked;
    return super.evaluate({ ...node, type: node.type, iterable } as Node, environment);
  }
}

/** With the sign of the divisor, as in Python. */
function remainder(left: Value, right: Value): Value {
  const [a, b] = [Number(left.value), Number(right.value)];
  const rest = a - b * Math.floor(a / b);
  return left.type === 'FloatValue' || right.type === 'FloatValue' ? float(rest) : integer(rest);
}

const known = (value: Value): Node => ({ type: 'Known', value }) as unknown as Node;

function knownParts(parts: Readonly<Record<string, Value>>): Record<string, Node> {
  return Object.fromEntries(Object.entries(parts).map(([field, value]) => [field, known(value)]));
}

function callNode(name: string, args: readonly Value[]): Node {
  const callee = { type: 'Identifier', value: name };
  return (args.length === 0 ? callee : { type: 'CallExpression', callee, args: args.map(known) }) as unknown as Node;
}

/** JSON's keys are text. */
function textKeys(value: Value): Value {
  const items = itemsOf(value);
  if (items !== undefined) return list(items.map(textKeys));
  const entries = value.type === 'ObjectValue' ? entriesOf(value) : undefined;
  if (entries === undefined) return value;
  return object(new Map(Array.from(entries, ([key, item]) => [String(key), textKeys(item)])));
}

/** A name or `object.name`, for a message. */
function sourceOf(node: Node): string {
  if (node.type !== 'MemberExpression') return String(node.value ?? node.type);
  return `${sourceOf(node.object as Node)}.${String((node.property as Node).value)}`;
}

/** The parts of Python's strftime that templates use. Names are English, as in Python's own locale. */
function strftime(date: Date, format: string): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const named = (options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat('en-US', options).format(date);
  const parts: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    H: () => two(date.getHours()),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    b: () => named({ month: 'short' }),
    B: () => named({ month: 'long' }),
    a: () => named({ weekday: 'short' }),
    A: () => named({ weekday: 'long' }),
    '%': () => '%',
  };
  return format.replaceAll(/%(.)/g, (whole, letter: string) => parts[letter]?.() ?? whole);
}
